"""Whole sessions with aggregators that need more than the sum of the updates."""

import threading

import numpy as np
import pytest
import requests

from fednet.controller.server import Controller
from fednet.parameters import load_parameters
from fednet.settings import ControllerSettings

SECONDS = 200


class Site:
    """One client's code: it moves a number towards its own, and can be held up in a round."""

    def __init__(self, number):
        self.number = number
        self.stops_in = 0
        self.is_stopped = threading.Event()
        self.may_go_on = threading.Event()
        self.heard = []

    def train(self, parameters, settings):
        self.heard.append(settings)
        if settings["round"] == self.stops_in:
            self.is_stopped.set()
            assert self.may_go_on.wait(SECONDS)
        return [p + (self.number - p) / 2 for p in parameters], {
            "num_examples": self.number,
            "num_steps": self.number,
        }


@pytest.fixture
def network(new_network, zeros):
    """Return a function that makes a network with a model of zeros and sites 1, 2, … spread over its combiners."""

    def make(combiners, sites):
        net = new_network(combiners, sites)
        net.api.set_active_model(zeros)
        return net

    return make


def start(net, sites, **options):
    everyone = {"min_clients": len(sites), "requested_clients": len(sites), "validate": False}
    started = net.api.start_session(**(everyone | options))
    assert started["success"], started
    return started["session_id"]


def final_model(net, session_id, folder):
    session = net.api.wait_session(session_id, timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    net.api.download_model(session["model_id"], str(folder / "final.npz"))
    return load_parameters(folder / "final.npz")


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


@pytest.mark.parametrize("aggregator", ["fedavgm", "fedopt"])
def test_momentum_survives_a_restart_of_everything_but_the_clients(
    network, controllers, tmp_path, aggregator
):
    """Controller and combiner stop in the third of four rounds: not one digit of the model is lost."""
    models = []
    for stops_in in (0, 3):
        sites = [Site(number) for number in (1, 2, 3)]
        net = network(1, sites)
        sites[0].stops_in = stops_in
        session_id = start(net, sites, rounds=4, aggregator=aggregator)
        if stops_in:
            assert sites[0].is_stopped.wait(SECONDS)
            restart(net, controllers)
            sites[0].may_go_on.set()
        models.append(final_model(net, session_id, tmp_path))

    for whole, interrupted in zip(*models, strict=True):
        np.testing.assert_allclose(interrupted, whole, rtol=1e-12)
    states = list((net.data_dir / "blobs" / "states").iterdir())
    assert len(states) == 2


def test_clients_are_told_what_their_aggregator_asks_of_them(network, tmp_path):
    """With fedprox every training task carries mu."""
    site = Site(1)
    net = network(1, [site])

    session_id = start(net, [site], rounds=1, aggregator="fedprox", aggregator_kwargs={"mu": 0.25})

    final_model(net, session_id, tmp_path)
    assert site.heard[0]["mu"] == 0.25


REFUSED = [
    ({"aggregator": "fedopt", "aggregator_kwargs": {"tau": "x"}}, "aggregator_kwargs", "'tau'"),
    ({"aggregator": "fedopt", "aggregator_kwargs": {"mu": 1}}, "aggregator_kwargs", "'mu'"),
    ({"aggregator": "krum", "min_clients": 4}, "min_clients", "at least 5"),
    ({"aggregator": "bulyan", "min_clients": 6}, "min_clients", "at least 7"),
    ({"aggregator": "fedtrimmedavg", "min_clients": 4}, "min_clients", "at least 5"),
    ({"aggregator": "fedmedian", "requested_clients": 501}, "requested_clients", "at most 500"),
]


def test_a_session_that_its_aggregator_cannot_serve_is_refused(network):
    """The start is refused with the field and its condition, and nothing is left behind."""
    net = network(1, [Site(1)])

    for options, field, words in REFUSED:
        answer = requests.post(
            f"{net.api_url}/api/v1/sessions/",
            json=options,
            headers={"Authorization": f"Bearer {net.token}"},
            timeout=SECONDS,
        ).json()
        assert (answer["success"], answer["field"]) == (False, field)
        assert words in answer["message"]
    assert net.api.get_sessions()["count"] == 0
