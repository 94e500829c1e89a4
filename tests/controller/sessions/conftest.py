"""A session as the engine makes it, for tests that need no network; and networks, for those that do."""

import itertools
from contextlib import ExitStack

import numpy as np
import pytest
from session_world import session_with

from fednet.controller.server import Controller
from fednet.controller.sessions.machine.state import BlobRef, Kind
from fednet.digests import Digest
from fednet.parameters import write_model
from fednet.testing import Network

SEED = BlobRef("seed-model", Digest.read("0" * 64, 1))


@pytest.fixture
def new_session():
    """Return a function that makes a session with small figures; any of its fields can be given."""

    def make(**fields):
        figures = {
            "session_id": "s",
            "document_id": "document-of-s",
            "kind": Kind.TRAINING,
            "rounds": 1,
            "min_clients": 1,
            "requested_clients": 8,
            "round_timeout": 10.0,
            "round_buffer_size": -1,
            "round_retries": 1,
            "validate": True,
            "helper": "numpyhelper",
            "aggregator": "fedavg",
            "aggregator_kwargs": {},
            "model": SEED,
        }
        return session_with(**{**figures, **fields})

    return make


@pytest.fixture
def controllers(monkeypatch):
    """Give the controllers that were started, the present one last; all are stopped at the end."""
    started, start = [], Controller.start

    def start_and_note(settings):
        started.append(start(settings))
        return started[-1]

    monkeypatch.setattr(Controller, "start", start_and_note)
    yield started
    for controller in started:
        controller.stop()


@pytest.fixture
def join():
    """Let a site into a network: an object with a number, and a method for each task that it can do."""

    def let_in(net, site, **where):
        can_do = {
            task: getattr(site, task)
            for task in ("train", "validate", "predict")
            if hasattr(site, task)
        }
        net.add_client(f"site-{site.number}", **can_do, **where)

    return let_in


@pytest.fixture
def new_network(tmp_path, controllers, join):  # noqa: ARG001  controllers are stopped after the rest
    """Give a function that makes a network with sites spread over its combiners, of which some forbid server functions.

    All combiners have its other settings. It is taken apart at the end.
    """
    numbers = itertools.count()
    with ExitStack() as networks:

        def make(combiners, sites, forbidding=(), **settings):
            folder = tmp_path / f"network-{next(numbers)}"
            net = networks.enter_context(Network(0, data_dir=folder))
            for number in range(1, combiners + 1):
                name = f"combiner-{number}"
                net.add_combiner(name, server_functions=name not in forbidding, **settings)
            for place, site in enumerate(sites):
                join(net, site, preferred_combiner=f"combiner-{place % combiners + 1}")
            return net

        yield make


@pytest.fixture
def zeros(tmp_path):
    """Return a model of zeros: float32 (4,) and float64 (2, 3)."""
    write_model(tmp_path / "zeros.npz", [np.zeros(4, np.float32), np.zeros((2, 3), np.float64)])
    return str(tmp_path / "zeros.npz")
