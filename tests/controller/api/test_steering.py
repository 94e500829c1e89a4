"""Steering sessions of the real engine, as a person does with APIClient."""

import threading

import numpy as np
import pytest

from fednet.errors import FailedPrecondition
from fednet.parameters import write_model
from fednet.testing import Network


class Gate:
    """A client's train function that waits until it is let through."""

    def __init__(self):
        self.begun = threading.Event()
        self.open = threading.Event()

    def train(self, parameters, _settings):
        self.begun.set()
        assert self.open.wait(200)
        return parameters, {"num_examples": 1}


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.open.set()


@pytest.fixture
def api(tmp_path, gate):
    """A network with one client, which trains behind the gate, and a session that is in its first round."""
    write_model(tmp_path / "seed.npz", [np.ones(3, np.float32)])
    with Network() as network:
        network.api.set_active_model(str(tmp_path / "seed.npz"))
        network.add_client("a", train=gate.train)
        network.api.start_session("one", rounds=3, validate=False)
        assert gate.begun.wait(200)
        yield network.api
        gate.open.set()


def test_a_paused_session_finishes_its_round_and_rests(api, gate):
    """Resumed, it does the others."""
    paused = api.pause_session("one")
    gate.open.set()
    session = paused
    while not (session["round_number"] == 1 and session["progress"]["phase"] == "waiting"):
        session = api._await_session(session, "change", None)

    assert (paused["status"], session["status"]) == ("PAUSED", "PAUSED")
    assert api.get_rounds()["count"] == 1
    assert api.resume_session("one")["status"] == "STARTED"
    assert api.wait_session("one", timeout=200)["status"] == "FINISHED"
    assert api.get_rounds()["count"] == 3


def test_a_session_is_stopped_in_the_middle_of_a_round(api):
    """Its status is final at once; it cannot be steered any more."""
    stopped = api.stop_session("one")

    assert stopped["status"] == "TERMINATED"
    assert stopped["reason"]
    for steer in (api.stop_session, api.pause_session, api.resume_session):
        with pytest.raises(FailedPrecondition, match="TERMINATED"):
            steer("one")


def test_a_session_gets_more_rounds_while_it_runs_and_after_its_end(api, gate):
    """The trail goes on."""
    running = api.continue_session("one", 1)
    gate.open.set()
    first_end = api.wait_session("one", timeout=200)
    again = api.continue_session("one", 2)
    second_end = api.wait_session("one", timeout=200)

    assert [each["rounds_total"] for each in (running, first_end, again)] == [4, 4, 6]
    assert [each["status"] for each in (first_end, second_end)] == ["FINISHED", "FINISHED"]
    assert len(api.get_model_trail()) == 7
