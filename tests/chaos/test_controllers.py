"""Two controllers on one store: a session goes on under the other when its driver dies or sleeps."""

import time

import numpy as np
import pytest
from chaos.conductor import Conductor
from chaos.network import ProcessNetwork
from chaos.story import check_model, counted_answers

from fednet.api_client import APIClient
from fednet.parameters import load_parameters

# Each starts nine processes, on whatever machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROUNDS, CLIENTS = 20, 5
SECONDS_MAX = 300.0


@pytest.fixture(params=["postgresql_url", "mongodb_url"])
def network(request, tmp_path):
    """Give two controllers, two combiners and five clients, and the conductor of the clients."""
    state_store = request.getfixturevalue(request.param)
    with (
        Conductor() as conductor,
        ProcessNetwork(
            tmp_path, conductor.address, controllers=2, clients=CLIENTS, state_store=state_store
        ) as network,
    ):
        yield network, conductor


def test_a_session_survives_its_drivers(network, tmp_path):
    """One driver is killed; the next is stopped until its lease has moved, and goes on when it is too late.

    The trail of models has no fork and no gap, the final model is that of all clients in all rounds, and nobody trains
    twice for one task.
    """
    network, conductor = network
    np.savez(tmp_path / "seed.npz", **{"0": np.zeros(1000)})
    network.api.set_active_model(str(tmp_path / "seed.npz"))
    network.wait_for_clients()
    everybody = {"min_clients": CLIENTS, "requested_clients": CLIENTS, "round_timeout": 60}
    conductor.hold("train", 5, network.clients)
    conductor.hold("train", 12, network.clients)
    network.api.start_session("s", rounds=ROUNDS, round_retries=10, **everybody)

    conductor.wait_for("train", 5, network.clients)
    first = network.driver()
    network.processes[first].kill()
    conductor.release_round(5)
    conductor.wait_for("train", 12, network.clients)
    second = network.driver()
    network.processes[first].start()
    network.processes[second].stop()
    conductor.release_round(12)
    wait_for_another_driver(network, first, second)
    network.processes[second].go_on()
    session = network.api.wait_session("s", timeout=SECONDS_MAX)

    assert (session["status"], session["round_number"]) == ("FINISHED", ROUNDS), session["reason"]
    assert first != second
    counted = counted_answers(network)
    assert {number: len(names) for number, names in counted.items()} == dict.fromkeys(
        range(1, ROUNDS + 1), CLIENTS
    )
    network.api.download_model(session["model_id"], str(tmp_path / "final.npz"))
    check_model(load_parameters(tmp_path / "final.npz"), counted)
    assert max(count for (_, task, _), count in conductor.begun.items() if task == "train") == 1
    assert_one_trail(network)


def wait_for_another_driver(network, awake, driver):
    """Return once the awake controller says that it drives the session; the other one answers nobody."""
    over = time.monotonic() + SECONDS_MAX
    with APIClient(network.processes[awake].said["api_url"], token=network.token) as api:
        while api.get_session("s")["owner"]["name"] == driver:
            assert time.monotonic() < over, f"{driver} still drives the session"
            time.sleep(0.2)


def assert_one_trail(network):
    """Check that each model of the session has one child at most, and that there is one for each round."""
    models = network.api.get_models(n_max=1000)["result"]
    made = [each for each in models if each["session_id"] == "s"]
    assert len(made) == ROUNDS
    assert len({each["parent_id"] for each in made}) == ROUNDS
