"""A session as the engine makes it, for tests that need no network."""

import pytest

from fednet.controller.server import Controller
from fednet.controller.sessions.state import BlobRef, Session

SEED = BlobRef("seed-model", 1, "0" * 64)


@pytest.fixture
def new_session():
    """Makes a session with small figures; any of its fields can be given."""

    def make(**fields):
        figures = {
            "session_id": "s",
            "document_id": "document-of-s",
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
        return Session(**{**figures, **fields})

    return make


@pytest.fixture
def controllers(monkeypatch):
    """The controllers that were started, the present one last; all are stopped at the end."""
    started, start = [], Controller.start

    def start_and_note(settings):
        started.append(start(settings))
        return started[-1]

    monkeypatch.setattr(Controller, "start", start_and_note)
    yield started
    for controller in started:
        controller.stop()
