"""A store that is restored to an earlier version, under a session that went on meanwhile."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from chaos.conductor import Conductor
from chaos.network import ProcessNetwork
from chaos.story import OPTIONS, ROUNDS, check_model, counted_answers

from fednet.parameters import load_parameters

# It starts seven processes, on whatever machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SECONDS_MAX = 100.0


@pytest.fixture
def network(tmp_path):
    """Give a network of processes, and the conductor of its clients."""
    with Conductor() as conductor, ProcessNetwork(tmp_path, conductor.address) as network:
        yield network, conductor


def fednet(*words):
    command = [sys.executable, "-P", "-m", "fednet", "controller", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def test_a_session_goes_on_from_a_restored_store_and_its_watcher_follows(network, tmp_path):
    """The backup is of the first round, the loss falls into the second; the model is that of an undisturbed run."""
    network, conductor = network
    np.savez(tmp_path / "seed.npz", **{"0": np.zeros(1000)})
    network.api.set_active_model(str(tmp_path / "seed.npz"))
    network.wait_for_clients()
    conductor.hold("train", 1, network.clients)
    conductor.hold("train", 2, network.clients)
    network.api.start_session("s", **OPTIONS)
    conductor.wait_for("train", 1, network.clients)
    folder, backup = tmp_path / "controller", tmp_path / "backup"
    fednet("backup", backup, "--data-dir", folder)
    with ThreadPoolExecutor(1) as watchers:
        watcher = watchers.submit(network.api.wait_session, "s", timeout=SECONDS_MAX)
        conductor.release_round(1)
        conductor.wait_for("train", 2, network.clients)

        network.processes["controller-1"].kill()
        for path in folder.glob("state.db*"):
            path.unlink()
        shutil.rmtree(folder / "blobs")
        fednet("restore", backup, "--data-dir", folder)
        network.processes["controller-1"].start()
        conductor.release()
        session = watcher.result()

    assert (session["status"], session["round_number"]) == ("FINISHED", ROUNDS)
    network.api.download_model(session["model_id"], str(tmp_path / "final.npz"))
    counted = counted_answers(network)
    assert {number: len(names) for number, names in counted.items()} == {1: 4, 2: 4, 3: 4}
    check_model(load_parameters(tmp_path / "final.npz"), counted)
