"""The stores that every contract is held against; another backend is another name here."""

import pytest

STATE_STORES = ("memory", "sqlite", "postgresql")
STATE_SERVERS = ("postgresql",)


@pytest.fixture
def memory_url():
    """The URL of a state store in memory."""
    return "memory://"


@pytest.fixture
def sqlite_url(tmp_path):
    """The URL of a state store in a file that is not there yet."""
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture(params=STATE_STORES)
def state_store_url(request):
    """The URL of an empty state store of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=STATE_SERVERS)
def state_server(request):
    """Each server of state stores: it has `new_store()`, `crash()` and `process.start()`."""
    server = request.getfixturevalue(f"{request.param}_server")
    yield server
    server.process.ensure_started()
