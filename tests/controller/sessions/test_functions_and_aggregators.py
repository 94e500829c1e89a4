"""Whole sessions whose server functions choose and tell clients, while an aggregator makes the model."""

from collections import defaultdict

import numpy as np
import pytest

from fednet.aggregation import aggregator, aggregator_names
from fednet.parameters import load_parameters
from fednet.server_functions import ServerFunctionsBase

SECONDS = 200
SITES = range(1, 10)
SYNCHRONOUS = [name for name in aggregator_names() if not aggregator(name).staleness_max]


class Site:
    """One client's code: it moves a number half of the way to its own, and remembers what it was told."""

    def __init__(self, number):
        self.number = number
        self.heard = []

    def train(self, parameters, settings):
        self.heard.append(settings)
        moved = [p + (self.number - p) / 2 for p in parameters]
        return moved, {"num_examples": 1, "num_steps": 1}


class Chooses(ServerFunctionsBase):
    """Functions that leave out the last two clients."""

    def client_selection(self, client_ids):
        return client_ids[:-2]


class Tells(ServerFunctionsBase):
    """Functions that tell clients how many rounds they have planned."""

    def __init__(self):
        self.planned = 0

    def client_settings(self, global_model):
        self.planned += 1
        return {"planned": self.planned, "size": sum(array.size for array in global_model)}


class Both(ServerFunctionsBase):
    """Functions that leave out the last two clients, and tell the others how many rounds they have planned."""

    def __init__(self):
        self.planned = 0

    def client_selection(self, client_ids):
        return client_ids[:-2]

    def client_settings(self, global_model):
        self.planned += 1
        return {"planned": self.planned, "size": sum(array.size for array in global_model)}


@pytest.fixture
def sites():
    return [Site(number) for number in SITES]


@pytest.fixture
def network(new_network, sites, zeros):
    """Give two combiners with the nine sites, and a model of zeros."""
    net = new_network(2, sites)
    net.api.set_active_model(zeros)
    return net


def run(net, functions, **options):
    """Run a session to its end, at the first attempt of every round."""
    fields = {"rounds": 2, "round_retries": 0, "validate": False} | options
    started = net.api.start_session(server_functions=functions, **fields)
    assert started["success"], started
    session = net.api.wait_session(started["session_id"], timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    return session


def passed_over(net, sites):
    """Return the sites that `client_selection` leaves out."""
    clients = net.api.get_clients()["result"]
    by_id = {each["id"]: int(each["name"].removeprefix("site-")) for each in clients}
    numbers = [number for _, number in sorted(by_id.items())]
    return [site for site in sites if site.number in numbers[-2:]]


def told_by_round(sites):
    """Return the values of `planned` that clients were told, by round."""
    told = defaultdict(set)
    for site in sites:
        for settings in site.heard:
            told[settings["round"]].add(settings["planned"])
    return dict(told)


@pytest.mark.parametrize("name", SYNCHRONOUS)
def test_every_aggregator_merges_the_updates_of_those_that_functions_choose(network, sites, name):
    """The chosen are told what the functions say, and nobody else trains."""
    run(network, Both, aggregator=name, requested_clients=9, min_clients=7)

    left_out = passed_over(network, sites)
    assert [len(site.heard) for site in left_out] == [0, 0]
    assert [len(site.heard) for site in sites if site not in left_out] == [2] * 7
    assert told_by_round(sites) == {1: {1}, 2: {2}}
    assert {settings["size"] for site in sites for settings in site.heard} == {10}


def test_the_median_is_that_of_the_chosen_clients(network, sites, tmp_path):
    """The models are NumPy's over two rounds."""
    session = run(network, Chooses, aggregator="fedmedian", requested_clients=9)

    left_out = passed_over(network, sites)
    middle = np.median([site.number for site in sites if site not in left_out])
    network.api.download_model(session["model_id"], str(tmp_path / "final.npz"))
    for made in load_parameters(tmp_path / "final.npz"):
        np.testing.assert_allclose(made, middle * 3 / 4, rtol=1e-6)


def test_an_asynchronous_session_sends_out_only_clients_that_functions_choose(network, sites):
    """The functions choose in every round, over two combiners."""
    run(network, Chooses, aggregator="fedbuff", round_buffer_size=3, rounds=4)

    left_out = passed_over(network, sites)
    assert [len(site.heard) for site in left_out] == [0, 0]
    assert sum(len(site.heard) for site in sites) >= 4 * 3


def test_an_asynchronous_session_tells_clients_what_functions_say_in_their_round(network, sites):
    """Each flight has the settings of the round in which it began."""
    options = {"requested_clients": 3, "round_buffer_size": 3, "rounds": 4}
    run(network, Tells, aggregator="fedbuff", **options)

    assert told_by_round(sites) == {number: {number} for number in (1, 2, 3, 4)}
