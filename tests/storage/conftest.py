"""The stores that every contract is held against; another backend is another name here."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import pytest

from fednet.controller.server import Controller
from fednet.http import Http
from fednet.settings import ControllerSettings
from fednet.storage import CONTROLLER, Blobs, open_blobs

STATE_SERVERS = ("mongodb", "postgresql")
LASTING_STATE_STORES = ("sqlite", *STATE_SERVERS)
BLOB_STORES = ("memory", "file", "s3", "controller")
BLOB_SERVERS = ("s3", "controller")


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


@dataclass(frozen=True)
class Opener:
    """Opens a store that is a server: at its host, or at another that leads there by a detour."""

    host: str
    open_at: Callable[[str], Blobs]

    def __call__(self, host: str | None = None) -> Blobs:
        return self.open_at(host or self.host)


@pytest.fixture
def memory_blobs():
    """Opens blobs in memory."""
    return lambda: open_blobs("memory://")


@pytest.fixture
def file_blobs(tmp_path):
    """Opens blobs in a folder that is not there yet."""
    return lambda: open_blobs(f"file://{tmp_path}/blobs")


@pytest.fixture
def s3_blobs(s3_server):
    """Opens blobs in a bucket that is not there yet."""
    bucket = s3_server.new_bucket()
    return Opener(s3_server.host, lambda host: open_blobs(s3_server.url(bucket, host=host)))


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    """A controller with its blobs in a folder."""
    folder = tmp_path_factory.mktemp("controller")
    running = Controller.start(ControllerSettings(port=0, data_dir=folder))
    yield running
    running.stop()


@pytest.fixture
def controller_blobs(controller):
    """Opens the blobs of a controller, with a right to all of them."""
    opener = Opener(
        controller.api_url.removeprefix("http://"),
        lambda host: open_blobs(CONTROLLER, Http(f"http://{host}", controller.token)),
    )
    yield opener
    with closing(opener()) as blobs:
        for key in list(blobs.list()):
            blobs.delete(key)


@pytest.fixture(params=BLOB_STORES)
def blobs_opener(request):
    """Opens an empty blob store of each kind."""
    return request.getfixturevalue(f"{request.param}_blobs")


@pytest.fixture(params=BLOB_SERVERS)
def distant_opener(request):
    """Opens an empty blob store of each kind that is a server."""
    return request.getfixturevalue(f"{request.param}_blobs")
