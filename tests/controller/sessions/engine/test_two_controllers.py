"""Two controllers on one store: a session has one driver, any of them answers, and a driver's end only delays."""

import threading
import time
from collections import Counter

import numpy as np
import pytest

from fednet.api_client import APIClient
from fednet.controller.server import Controller
from fednet.errors import Unavailable
from fednet.parameters import load_parameters, write_model
from fednet.settings import ControllerSettings

SECONDS = 200


class Site:
    """A client's code: it adds one, counts its trainings, and may be held up."""

    number = 1

    def __init__(self):
        self.trained = Counter()
        self.is_training = threading.Event()
        self.may_train = threading.Event()

    def train(self, parameters, settings):
        self.trained[settings["round"]] += 1
        self.is_training.set()
        assert self.may_train.wait(SECONDS)
        return [array + 1 for array in parameters], {"num_examples": 1}


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def network(new_network, controllers, site, tmp_path):  # noqa: ARG001  they end after the network
    """Return a network of one combiner and one client, whose controller drives the sessions at first."""
    net = new_network(1, [site])
    write_model(tmp_path / "seed.npz", [np.zeros(4, np.float32)])
    net.api.set_active_model(str(tmp_path / "seed.npz"))
    return net


@pytest.fixture
def second(network, controllers):  # noqa: ARG001  they end after the other one
    """Give an API client of the other controller."""
    settings = ControllerSettings(port=0, data_dir=network.data_dir, name="other")
    controller = Controller.start(settings)
    with APIClient(controller.api_url, token=controller.token) as api:
        yield api


@pytest.fixture
def training(network, second, site):  # noqa: ARG001  it is there from the beginning
    """Return a session of three rounds at the first controller, in whose first round the client trains."""
    session_id = network.api.start_session(rounds=3, validate=False)["session_id"]
    assert site.is_training.wait(SECONDS)
    return session_id


def test_a_session_has_one_driver_and_each_controller_names_it(training, network, second):
    """The owner stands in the session's document."""
    seen = [api.get_session(training) for api in (network.api, second)]

    assert [each["owner"]["name"] for each in seen] == ["controller"] * 2
    assert seen[0]["term"] == 1


def test_commands_reach_the_driver_through_any_controller(training, second):
    """They are passed on, with the caller's token."""
    assert second.pause_session(training)["status"] == "PAUSED"
    assert second.resume_session(training)["status"] == "STARTED"
    assert second.continue_session(training, 1)["rounds_total"] == 4
    assert second.stop_session(training)["status"] == "TERMINATED"


def test_the_end_of_a_session_can_be_awaited_at_any_controller(training, second, site):
    """The driver tells it."""
    site.may_train.set()

    assert second.wait_session(training, timeout=SECONDS)["status"] == "FINISHED"


def test_any_controller_starts_sessions(network, second, site):
    """It drives those that were started at it."""
    site.may_train.set()

    session_id = second.start_session(rounds=2, validate=False)["session_id"]

    session = network.api.wait_session(session_id, timeout=SECONDS)
    assert (session["status"], session["owner"]["name"]) == ("FINISHED", "other")


def test_a_controller_that_stops_hands_its_sessions_over(
    training,
    second,
    controllers,
    site,
    tmp_path,
):
    """The other goes on with the next term; nobody trains twice, and the model is that of three rounds."""
    controllers[0].stop()
    site.may_train.set()

    session = second.wait_session(training, timeout=SECONDS)

    assert (session["status"], session["term"]) == ("FINISHED", 2)
    assert site.trained == {1: 1, 2: 1, 3: 1}
    second.download_model(session["model_id"], str(tmp_path / "model.npz"))
    assert np.allclose(load_parameters(tmp_path / "model.npz")[0], 3)
    assert len(second.get_model_trail()) == 4


def test_a_session_whose_driver_does_not_renew_its_lease_is_taken_over(
    training,
    second,
    controllers,
    site,
):
    """Later attempts of the earlier driver are refused; the trail has no fork."""
    controllers[0]._engine._keeper.stop()
    began = time.monotonic()
    engine = controllers[1]._engine
    session = engine._running.document(training)
    while session["term"] == 1:
        assert time.monotonic() < began + SECONDS
        threading.Event().wait(0.2)
        session = engine._records.get("sessions", training)
    site.may_train.set()

    session = second.wait_session(training, timeout=SECONDS)

    assert (session["status"], session["owner"]["name"]) == ("FINISHED", "other")
    assert site.trained == {1: 1, 2: 1, 3: 1}
    models = second.get_models(session_id=training)["result"]
    assert len(models) == len({each["parent_id"] for each in models}) == 3


def test_a_command_for_a_driver_that_does_not_answer_says_who_drives_the_session(
    training,
    second,
    controllers,
    monkeypatch,
):
    """The error says that another controller takes over; nothing is done twice."""
    first = controllers[0]._engine._leases
    gone = {**first._lease, "address": "http://127.0.0.1:9"}
    other = controllers[1]._engine._leases
    monkeypatch.setattr(other, "holder", lambda _: gone)
    monkeypatch.setattr("fednet.limits.retry_attempts_max", 1)

    with pytest.raises(Unavailable, match="driven by the controller 'controller'"):
        second.stop_session(training)
