"""The stores that every contract is held against; another backend is another name here."""

import pytest

STATE_SERVERS = ("postgresql",)
LASTING_STATE_STORES = ("sqlite", *STATE_SERVERS)


@pytest.fixture
def memory_url():
    """The URL of a state store in memory."""
    return "memory://"


@pytest.fixture
def sqlite_url(tmp_path):
    """The URL of a state store in a file that is not there yet."""
    return f"sqlite:///{tmp_path}/state.db"


@pytest.fixture(params=("memory", *LASTING_STATE_STORES))
def state_store_url(request):
    """The URL of an empty state store of each kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=LASTING_STATE_STORES)
def lasting_store_url(request):
    """The URL of an empty state store of each kind that outlives its process."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=STATE_SERVERS)
def state_server(request):
    """Each server of state stores: it has `new_store()`, `crash()` and `process.start()`."""
    server = request.getfixturevalue(f"{request.param}_server")
    yield server
    server.process.ensure_started()
