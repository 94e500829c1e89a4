"""Many clients of one combiner, which is killed: all come back, and the session goes on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import chaos
import numpy as np
import pytest
from servers.process import free_port

from fednet.api_client import APIClient
from fednet.environment import environment_without_settings
from fednet.parameters import write_model

# Many clients on whatever machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CLIENTS, PROCESSES, ROUNDS = 60, 2, 12


@pytest.fixture
def network(tmp_path):
    """Give a controller and a combiner that is started again when it dies, with a model."""
    command = [sys.executable, "-m", "fednet", "up", "--json", "--data-dir", str(tmp_path / "up")]
    command += ["--port", "0", "--combiner-port", str(free_port())]
    with _running(command, stdout=subprocess.PIPE) as process:
        network = json.loads(process.stdout.readline())
        write_model(tmp_path / "seed.npz", [np.zeros(100, np.float32)])
        with APIClient(network["api_url"], token=network["token"]) as network["api"]:
            network["api"].set_active_model(str(tmp_path / "seed.npz"))
            yield network


@pytest.fixture
def _crowd(network):
    names = [f"client-{number}" for number in range(CLIENTS)]
    command = [sys.executable, "-m", "chaos.crowd", network["api_url"], network["token"]]
    folder = Path(chaos.__file__).parents[1]
    with contextlib.ExitStack() as processes:
        for number in range(PROCESSES):
            processes.enter_context(_running([*command, *names[number::PROCESSES]], cwd=folder))
        yield


@pytest.mark.usefixtures("_crowd")
def test_a_crowd_returns_to_a_killed_combiner(network):
    """After `kill -9` in the middle of a session all clients are connected again, and every round has all updates."""
    api = network["api"]
    _wait_for_clients(api)
    everybody = {"min_clients": CLIENTS, "requested_clients": CLIENTS, "round_timeout": 300}
    session_id = api.start_session(rounds=ROUNDS, validate=False, **everybody)["session_id"]
    _wait_for_a_round(api, session_id)

    os.kill(network["pids"]["combiner-1"], signal.SIGKILL)
    _wait_for(api, "combiner_down")
    session = api.wait_session(session_id)
    _wait_for_clients(api)

    assert session["status"] == "FINISHED", session["reason"]
    rounds = api.get_rounds(session_id=session_id)["result"]
    assert [each["updates"] for each in rounds] == [CLIENTS] * ROUNDS


def _wait_for_clients(api):
    number = 0
    while api.get_active_clients(n_max=1)["count"] < CLIENTS:
        number = api.get_feed(number, kinds=["client_joined"], seconds=30)["next"]


def _wait_for_a_round(api, session_id):
    number = 0
    while not api.get_rounds(session_id=session_id, status="Finished")["count"]:
        page = api.get_feed(number, kinds=["session_changed"], session_id=session_id, seconds=30)
        number = page["next"]


def _wait_for(api, kind):
    number = 0
    while not (page := api.get_feed(number, kinds=[kind], seconds=30))["entries"]:
        number = page["next"]


@contextlib.contextmanager
def _running(command, **options):
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env=environment_without_settings(), **options
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
