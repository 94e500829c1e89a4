"""Whole sessions over MongoDB: the server is killed in the middle, and the session goes on."""

import threading

import numpy as np
import pytest

from fednet.parameters import load_parameters, write_model
from fednet.testing import Network

SECONDS = 200


class Site:
    """One client's code: it adds one, and the first time it waits until it may go on."""

    def __init__(self):
        self.is_held, self.may_go_on = threading.Event(), threading.Event()

    def train(self, parameters, _settings):
        self.is_held.set()
        assert self.may_go_on.wait(SECONDS)
        return [array + 1 for array in parameters], {"num_examples": 10}

    def validate(self, parameters, _settings):
        return {"accuracy": float(parameters[0][0])}


@pytest.fixture
def network(tmp_path):
    """Makes a network with a seed model of zeros on the state store at a URL."""
    networks = []

    def make(url, site):
        write_model(tmp_path / "seed.npz", [np.zeros(4, np.float32)])
        net = Network(data_dir=tmp_path / "network", state_store=url)
        networks.append(net)
        net.__enter__()
        net.api.set_active_model(str(tmp_path / "seed.npz"))
        net.add_client("site", train=site.train, validate=site.validate)
        return net

    yield make
    for net in networks:
        net.__exit__(None, None, None)


def finish(net, session_id, folder):
    """The session once it has ended, and its model's only array."""
    session = net.api.wait_session(session_id, timeout=SECONDS)
    net.api.download_model(session["model_id"], str(folder / "model.npz"))
    return session, load_parameters(folder / "model.npz")[0]


def test_a_session_goes_on_when_the_server_comes_back(network, mongodb_server, tmp_path):
    """Killed while a client trains, started again when the answer comes: nothing is trained for nothing."""
    site = Site()
    net = network(mongodb_server.new_store(), site)
    started = net.api.start_session(rounds=3)
    assert site.is_held.wait(SECONDS)

    mongodb_server.crash()
    site.may_go_on.set()
    mongodb_server.process.start()

    session, array = finish(net, started["session_id"], tmp_path)
    assert session["status"] == "FINISHED"
    assert np.array_equal(array, np.full(4, 3, np.float32))
    assert net.api.get_validations_count() == 3


def test_a_session_goes_on_with_the_next_primary(network, mongodb_replica_set, tmp_path):
    """Nobody who trains or asks notices that the primary was killed."""
    site = Site()
    net = network(mongodb_replica_set.new_store(), site)
    started = net.api.start_session(rounds=3)
    assert site.is_held.wait(SECONDS)

    mongodb_replica_set.primary().crash()
    site.may_go_on.set()

    session, array = finish(net, started["session_id"], tmp_path)
    assert session["status"] == "FINISHED"
    assert np.array_equal(array, np.full(4, 3, np.float32))
