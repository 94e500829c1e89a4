"""Asynchronous sessions over a whole network: the age of each update is arranged, task by task."""

import queue
import threading

import numpy as np
import pytest
import requests

from fednet.controller.server import Controller
from fednet.parameters import load_parameters
from fednet.settings import ControllerSettings

SECONDS = 200


class Site:
    """One client's code: it moves a number half of the way to its own, and answers when it is let."""

    def __init__(self, number):
        self.number = number
        self.began = queue.Queue()
        self.may_answer = threading.Semaphore(0)

    def train(self, parameters, settings):
        self.began.put(settings["round"])
        assert self.may_answer.acquire(timeout=SECONDS)
        return [p + (self.number - p) / 2 for p in parameters], {"num_examples": self.number}

    def begins(self, number):
        """Wait until it trains for a round."""
        assert self.began.get(timeout=SECONDS) == number

    def answers(self):
        self.may_answer.release()


@pytest.fixture
def sites():
    return [Site(number) for number in (1, 2, 3)]


@pytest.fixture
def network(new_network, sites, zeros):
    """Give a function that makes a network with a model of zeros and the three sites spread over its combiners."""

    def make(combiners):
        net = new_network(combiners, sites)
        net.api.set_active_model(zeros)
        return net

    yield make
    for site in sites:
        site.may_answer.release(10)  # whatever still waits is let go


def start(net, **options):
    fields = {"aggregator": "fedbuff", "round_buffer_size": 2, "validate": False} | options
    started = net.api.start_session(**fields)
    assert started["success"], started
    return started["session_id"]


def restart(net, controllers):
    """Start a controller on the same data and port, and combiners on theirs."""
    names = [combiner["name"] for combiner in net.api.get_combiners()["result"]]
    controllers[-1].stop()
    for name in names:
        net.remove_combiner(name)
    port = int(net.api_url.rpartition(":")[2])
    Controller.start(ControllerSettings(port=port, data_dir=net.data_dir))
    for name in names:
        net.add_combiner(name)


def moved(x, *updates):
    """Return the paper's step; each update is (number of its site, its base, its age in rounds)."""
    steps = [(number - base) / 2 / np.sqrt(1 + age) for number, base, age in updates]
    return x + sum(steps) / len(steps)


@pytest.mark.parametrize("combiners", [1, 3])
@pytest.mark.parametrize("is_interrupted", [False, True])
def test_updates_of_any_age_make_the_models_that_numpy_makes(
    network, sites, controllers, tmp_path, combiners, is_interrupted
):
    """The models match on one and on three combiners, also if everything but the clients stops with tasks in flight."""
    one, two, three = sites
    net = network(combiners)
    session_id = start(net, rounds=3)
    for site in sites:
        site.begins(1)

    one.answers()
    one.begins(1)
    two.answers()
    two.begins(2)  # the first model is made of the first and the second
    if is_interrupted:
        restart(net, controllers)
    three.answers()
    three.begins(2)
    two.answers()
    two.begins(3)  # the second of the third, one model late, and the second
    one.answers()
    one.begins(3)
    three.answers()  # the third of the first, two models late, and the third, one late

    session = net.api.wait_session(session_id, timeout=SECONDS)
    first = moved(0, (1, 0, 0), (2, 0, 0))
    second = moved(first, (3, 0, 1), (2, first, 0))
    third = moved(second, (1, 0, 2), (3, first, 1))
    net.api.download_model(session["model_id"], str(tmp_path / "final.npz"))
    assert session["status"] == "FINISHED", session["reason"]
    for made in load_parameters(tmp_path / "final.npz"):
        np.testing.assert_allclose(made, third, rtol=1e-6)
    told = {each["number"]: each for each in net.api.get_rounds()["result"]}
    names = {each["id"]: each["name"] for each in net.api.get_clients()["result"]}
    ages = {
        number: sorted((names[each["client_id"]], each["staleness"]) for each in told_of["merged"])
        for number, told_of in told.items()
    }
    assert ages == {
        1: [("site-1", 0), ("site-2", 0)],
        2: [("site-2", 0), ("site-3", 1)],
        3: [("site-1", 2), ("site-3", 1)],
    }


def test_each_update_comes_as_it_is_where_one_makes_a_model(network, sites, tmp_path):
    """With a buffer of one, nobody waits for anybody."""
    net = network(1)
    session_id = start(net, rounds=2, round_buffer_size=1)
    for site in sites:
        site.begins(1)

    sites[2].answers()
    sites[2].begins(2)
    sites[0].answers()

    session = net.api.wait_session(session_id, timeout=SECONDS)
    net.api.download_model(session["model_id"], str(tmp_path / "final.npz"))
    first = moved(0, (3, 0, 0))
    for made in load_parameters(tmp_path / "final.npz"):
        np.testing.assert_allclose(made, moved(first, (1, 0, 1)), rtol=1e-6)


REFUSED = [
    ({"aggregator_kwargs": {"staleness_max": 0}}, "aggregator_kwargs", "'staleness_max'"),
    ({"round_buffer_size": 2, "min_clients": 3}, "round_buffer_size", "at least min_clients"),
    ({"round_buffer_size": 0}, "round_buffer_size", "at least min_clients"),
    ({"round_buffer_size": 493}, "round_buffer_size", "at most 492"),
]


def test_options_that_make_no_sense_are_refused(network):
    """The start is refused with the field and its condition, and nothing is left behind."""
    net = network(1)

    for options, field, words in REFUSED:
        answer = requests.post(
            f"{net.api_url}/api/v1/sessions/",
            json={"aggregator": "fedbuff"} | options,
            headers={"Authorization": f"Bearer {net.token}"},
            timeout=SECONDS,
        ).json()
        assert (answer["success"], answer["field"]) == (False, field)
        assert words in answer["message"]
    assert net.api.get_sessions()["count"] == 0
