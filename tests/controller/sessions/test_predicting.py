"""Predictions over a whole network: real combiners, real clients, a real store."""

import threading
from collections import Counter

import numpy as np
import pytest

from fednet.controller.server import Controller
from fednet.errors import AlreadyExists, FailedPrecondition, FednetError
from fednet.packages import create_package
from fednet.parameters import write_model
from fednet.settings import ControllerSettings

SECONDS = 200


class Site:
    """One client's code: it says its number, and counts its tasks."""

    def __init__(self, number):
        self.number = number
        self.asked = Counter()
        self.may_predict = threading.Event()
        self.may_predict.set()
        self.is_predicting = threading.Event()

    def predict(self, parameters, settings):
        self.asked[settings["session_id"]] += 1
        self.is_predicting.set()
        assert self.may_predict.wait(SECONDS)
        return {"number": self.number, "sums": parameters[0] + self.number}


@pytest.fixture
def network(new_network, tmp_path):
    """Return a function that makes a network with a model of two zeros."""

    def make(*sites, combiners=1):
        net = new_network(combiners, sites)
        write_model(tmp_path / "seed.npz", [np.zeros(2, np.float32)])
        net.api.set_active_model(str(tmp_path / "seed.npz"))
        return net

    return make


def start_controller_again(net):
    """Start a controller on the folder and the port of the stopped one."""
    port = int(net.api_url.rpartition(":")[2])
    Controller.start(ControllerSettings(port=port, data_dir=net.data_dir))


def numbers(net, prediction_id):
    found = net.api.get_predictions(prediction_id=prediction_id)
    return sorted(each["result"]["number"] for each in found["result"])


def test_every_client_predicts_with_the_active_model(network):
    """Clients of two combiners answer; the answers are there as objects at the end."""
    net = network(Site(1), Site(2), Site(3), combiners=2)

    started = net.api.start_predictions("first")
    session = net.api.wait_session("first", timeout=SECONDS)

    assert started == {
        "success": True, "message": "Prediction session started", "prediction_id": "first",
    }  # fmt: skip
    assert (session["status"], session["task"]) == ("FINISHED", "prediction")
    assert session["reason"] == "3 of 3 clients predicted"
    assert numbers(net, "first") == [1, 2, 3]
    [found] = net.api.get_predictions(client_name="site-2")["result"]
    assert found["result"] == {"number": 2, "sums": [2.0, 2.0]}
    assert found["model_id"] == net.api.get_active_model()["id"]
    assert net.api.get_prediction(found["id"]) == found
    assert net.api.get_predictions_count() == 3


def test_a_chosen_number_of_clients_predicts(network):
    """The others are not asked."""
    sites = [Site(1), Site(2), Site(3)]
    net = network(*sites)

    net.api.start_predictions("two", requested_clients=2)
    session = net.api.wait_session("two", timeout=SECONDS)

    assert session["reason"] == "2 of 2 clients predicted"
    assert sum(site.asked["two"] for site in sites) == net.api.get_predictions_count() == 2


def test_the_same_start_twice_asks_once(network):
    """A lost answer may be asked for again; the same id with other options is refused."""
    site = Site(1)
    net = network(site)

    answers = [net.api.start_predictions("p") for _ in range(2)]
    net.api.wait_session("p", timeout=SECONDS)

    assert answers[0] == answers[1]
    assert site.asked == {"p": 1}
    with pytest.raises(AlreadyExists, match="other options"):
        net.api.start_predictions("p", round_timeout=7)


def test_clients_that_cannot_predict_are_told_apart(network):
    """Nothing is started, and the message says what to do."""
    net = network()
    net.add_client("trains", train=lambda parameters, _: (parameters, {"num_examples": 1}))

    with pytest.raises(FailedPrecondition, match="No connected client can predict"):
        net.api.start_predictions("p")

    assert net.api.get_sessions_count() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model_id": "nope"}, "no 'nope' among the models"),
        ({"requested_clients": 0}, "requested_clients"),
        ({"round_timeout": 0}, "round_timeout"),
        ({"prediction_id": "a/b"}, "prediction_id"),
        ({"prediction_id": "list"}, "word of the API"),
    ],
)
def test_a_wrong_option_is_refused_by_name(network, options, words):
    """The refusal comes before anything is written."""
    net = network(Site(1))

    with pytest.raises(FednetError, match=words):
        net.api.start_predictions(**options)
    assert net.api.get_sessions_count() == 0


PREDICTS = """entry_points:
  predict: {command: python predict.py}
"""
PREDICT = """import json, sys
import numpy as np
with np.load(sys.argv[1]) as model:
    json.dump({"number": len(model["0"])}, open(sys.argv[2], "w"))
"""


@pytest.mark.parametrize("manifest", [PREDICTS, "client: model:Client\n"])
def test_packages_predict(network, tmp_path, manifest):
    """A package predicts by its entry point, or by the method of its object."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "fednet.yaml").write_text(manifest)
    (folder / "predict.py").write_text(PREDICT)
    method = "    def predict(self, parameters, settings):\n        return {'number': 2}\n"
    (folder / "model.py").write_text("class Client:\n" + method)
    create_package(folder, tmp_path / "package.tgz")
    net = network()
    net.add_client("site")
    net.api.set_active_package(str(tmp_path / "package.tgz"), "numpyhelper")

    net.api.start_predictions("p")

    assert net.api.wait_session("p", timeout=SECONDS)["status"] == "FINISHED"
    assert numbers(net, "p") == [2]


def test_a_package_that_does_not_predict_is_not_started(network, tmp_path):
    """Its manifest tells before a client is asked."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "fednet.yaml").write_text("entry_points: {train: {command: t}}\n")
    create_package(folder, tmp_path / "package.tgz")
    net = network()
    net.add_client("site")
    net.api.set_active_package(str(tmp_path / "package.tgz"), "numpyhelper")

    assert net.api.get_active_package()["tasks"] == ["train"]
    with pytest.raises(FailedPrecondition, match="entry point predict"):
        net.api.start_predictions("p")


def test_a_client_that_fails_is_named_with_its_reason(network):
    """The others count; its traceback is in a status."""
    net = network(Site(1))
    net.add_client("bad", predict=lambda *_: {"x": object()})

    net.api.start_predictions("p")
    session = net.api.wait_session("p", timeout=SECONDS)

    assert session["status"] == "FINISHED"
    assert session["reason"].startswith("1 of 2 clients predicted (bad: x is of type object")
    assert numbers(net, "p") == [1]


def test_a_client_that_takes_too_long_is_not_waited_for(network):
    """The session ends at the deadline without that client."""
    slow = Site(1)
    slow.may_predict.clear()
    net = network(slow)

    net.api.start_predictions("p", round_timeout=0.2)
    session = net.api.wait_session("p", timeout=SECONDS)
    slow.may_predict.set()

    assert session["status"] == "FAILED"
    assert "0 of 1 clients predicted (site-1: The phase has closed" in session["reason"]


def test_it_can_be_stopped_and_has_no_rounds_to_steer(network):
    """Pause, resume and continue are refused in words."""
    site = Site(1)
    site.may_predict.clear()
    net = network(site)
    net.api.start_predictions("p")
    assert site.is_predicting.wait(SECONDS)

    for steer in (net.api.pause_session, lambda id_: net.api.continue_session(id_, 1)):
        with pytest.raises(FailedPrecondition, match="has no rounds"):
            steer("p")
    stopped = net.api.stop_session("p")
    site.may_predict.set()

    assert (stopped["status"], stopped["reason"]) == ("TERMINATED", "it was stopped")


def test_a_controller_started_again_finishes_it_with_nothing_asked_twice(network, controllers):
    """The controller stops while a client predicts; news of that time is stored once."""
    fast, slow = Site(1), Site(2)
    slow.may_predict.clear()
    net = network(fast, slow, combiners=2)
    net.api.start_predictions("p")
    assert slow.is_predicting.wait(SECONDS)

    controllers[-1].stop()
    slow.may_predict.set()
    start_controller_again(net)

    assert net.api.wait_session("p", timeout=SECONDS)["status"] == "FINISHED"
    assert numbers(net, "p") == [1, 2]
    assert (fast.asked["p"], slow.asked["p"]) == (1, 1)


def test_a_combiner_started_again_finishes_it(network):
    """The task is sent again; a client that works at it answers once."""
    site = Site(1)
    site.may_predict.clear()
    net = network(site)
    net.api.start_predictions("p")
    assert site.is_predicting.wait(SECONDS)

    net.remove_combiner("combiner-1")
    net.add_combiner("combiner-1")
    site.may_predict.set()

    assert net.api.wait_session("p", timeout=SECONDS)["status"] == "FINISHED"
    assert numbers(net, "p") == [1]
    assert site.asked == {"p": 1}
