"""Sessions with small figures, and worlds around them."""

import pytest
from session_world import World, session_with

from fednet.controller.sessions.machine.state import BlobRef, Kind
from fednet.digests import Digest

SEED = BlobRef("seed-model", Digest.read("0" * 64, 1))
TWO_COMBINERS = {"a": ["a1", "a2"], "b": ["b1"]}


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
            "round_timeout": 60.0,
            "round_retries": 1,
            "helper": "numpyhelper",
            "model": SEED,
        }
        return session_with(**{**figures, **fields})

    return make


@pytest.fixture
def new_world(new_session):
    """Return a function that makes a world of two combiners and three clients around a session that has begun."""

    def make(places=None, *, plan=None, allowing=("a", "b"), **fields):
        world = World(new_session(**fields), places or TWO_COMBINERS, plan, allowing)
        world.begin()
        return world

    return make
