"""Two controllers with folders of their own on the same stores: any of them answers any request."""

import hashlib
import threading
import uuid
from contextlib import ExitStack, closing

import numpy as np
import pytest
import requests

from fednet import limits
from fednet.api_client import APIClient
from fednet.controller.server import Controller
from fednet.errors import FailedPrecondition, NotFound, PermissionDenied, Unauthenticated
from fednet.http import Http
from fednet.packages import create_package
from fednet.parameters import write_model
from fednet.settings import ControllerSettings
from fednet.storage import CONTROLLER, open_blobs
from fednet.testing import Network

SECONDS = 200


class Site:
    """A client's code: it adds one, and may be held up."""

    def __init__(self):
        self.is_training = threading.Event()
        self.may_train = threading.Event()

    def train(self, parameters, _settings):
        self.is_training.set()
        assert self.may_train.wait(SECONDS)
        return [array + 1 for array in parameters], {"num_examples": 1}


class Two:
    """A network whose first controller is A; B has another data folder and shares the stores.

    A can be stopped and started again on its port.
    """

    def __init__(self, folder, to_close):
        self.stores = {
            "state_store": f"sqlite:///{folder}/state.db",
            "blob_store": f"file://{folder}/blobs",
        }
        self.folder, self._to_close = folder, to_close
        self.network = to_close.enter_context(Network(1, data_dir=folder / "a", **self.stores))
        self.a = self.network.api
        self.b = self.api_of(self.start("b"))
        self.wait_until_followed()

    def start(self, name, port=0):
        controller = Controller.start(
            ControllerSettings(
                port=port,
                data_dir=self.folder / name,
                name="controller" if name == "a" else name,
                **self.stores,
            )
        )
        self._to_close.callback(controller.stop)
        self.newest = controller
        return controller

    def api_of(self, controller):
        return self._to_close.enter_context(APIClient(controller.api_url, token=controller.token))

    def restart_a(self):
        controller = self.network._controller
        port = int(controller.api_url.rpartition(":")[2])
        controller.stop()
        self.a = self.api_of(self.start("a", port))

    def wait_until_followed(self):
        """Wait until the newest controller hears the combiner."""
        assert self.newest.presence.wait_for_combiner("combiner-1", limits.start_seconds_max)


@pytest.fixture
def two(tmp_path):
    with ExitStack() as to_close:
        yield Two(tmp_path, to_close)


@pytest.fixture
def model(tmp_path):
    """The file of a model of zeros."""
    write_model(tmp_path / "seed.npz", [np.zeros(4, np.float32)])
    return str(tmp_path / "seed.npz")


def http_of(api, token):
    return closing(Http(api.api_url, token))


def test_a_session_that_was_started_at_one_is_steered_at_the_other(two, model):
    """Clients and models, too, are those of both."""
    site = Site()
    two.network.add_client("site-1", train=site.train)
    assert two.newest.presence.wait_for_client(
        two.b.get_clients()["result"][0]["id"], limits.start_seconds_max
    )
    assert two.b.set_active_model(model)["success"]

    session_id = two.a.start_session(rounds=3, validate=False)["session_id"]
    assert site.is_training.wait(SECONDS)
    assert two.b.get_session(session_id)["status"] == "STARTED"
    assert two.b.pause_session(session_id)["status"] == "PAUSED"
    assert two.b.resume_session(session_id)["status"] == "STARTED"
    site.may_train.set()
    assert two.b.wait_session(session_id, timeout=SECONDS)["status"] == "FINISHED"

    trails = [[each["id"] for each in api.get_model_trail()] for api in (two.a, two.b)]
    assert trails[0] == trails[1]
    assert len(trails[0]) == 4


def test_an_answer_that_another_controller_gave_is_in_the_callers_words(two, model):
    """Whoever passes a request on says who asked, and for which words."""
    site = Site()
    two.network.add_client("site-1", train=site.train)
    two.a.set_active_model(model)
    session_id = two.a.start_session(rounds=1, validate=False)["session_id"]
    assert site.is_training.wait(SECONDS)
    headers = {"Authorization": f"Bearer {two.network.token}"}
    pause = f"{two.b.api_url}/api/v1/sessions/{session_id}/pause"

    of_ours = two.b.pause_session(session_id)
    of_fedn = requests.post(pause, headers=headers, timeout=SECONDS).json()
    site.may_train.set()

    assert "clients_required" in of_fedn["session_config"][0]
    assert "clients_required" not in str(of_ours)
    assert two.b.resume_session(session_id)["status"] == "STARTED"
    assert two.b.wait_session(session_id, timeout=SECONDS)["status"] == "FINISHED"


def test_a_session_goes_on_at_the_other_when_one_stops_and_is_read_at_the_one_that_returns(
    two, model
):
    """Nothing of it lies in a controller's folder."""
    site = Site()
    two.network.add_client("site-1", train=site.train)
    two.a.set_active_model(model)
    session_id = two.a.start_session(rounds=2, validate=False)["session_id"]
    assert site.is_training.wait(SECONDS)

    two.restart_a()
    site.may_train.set()

    assert two.b.wait_session(session_id, timeout=SECONDS)["status"] == "FINISHED"
    assert two.a.get_session(session_id)["status"] == "FINISHED"


def test_a_client_that_registers_at_one_is_itself_at_the_other(two):
    """The token and the id are the network's."""
    register = "/api/v1/clients/register"
    asked = {"name": "site-1", "needs_package": False}
    with http_of(two.a, two.network.token) as a:
        first = a.call("POST", register, body=asked)
    with http_of(two.b, first["token"]) as b:
        second = b.call("POST", register, body=asked)

    assert first["id"] == second["id"]
    assert [each["id"] for each in two.b.get_clients()["result"]] == [first["id"]]


def test_a_client_that_is_removed_at_one_is_unknown_at_the_other(two):
    """Its own token brings it back at neither."""
    register = "/api/v1/clients/register"
    asked = {"name": "site-1", "needs_package": False}
    with http_of(two.a, two.network.token) as a:
        client = a.call("POST", register, body=asked)
        a.call("DELETE", f"/api/v1/clients/{client['id']}")

    with pytest.raises(NotFound):
        two.b.get_client(client["id"])
    with http_of(two.b, client["token"]) as b, pytest.raises((PermissionDenied, Unauthenticated)):
        b.call("POST", register, body=asked)


def test_a_blob_goes_to_the_two_in_turn_while_one_of_them_restarts(two):
    """As through a proxy that knows both."""
    unit, upload_id = limits.blob_offset_unit_bytes, str(uuid.uuid4())
    pieces = [b"1" * unit, b"2" * unit, b"three"]
    content = b"".join(pieces)
    with http_of(two.a, two.network.token) as a, http_of(two.b, two.network.token) as b:
        send(a, upload_id, 0, pieces[0])
        send(b, upload_id, unit, pieces[1])
    two.restart_a()
    with http_of(two.a, two.network.token) as a, http_of(two.b, two.network.token) as b:
        send(a, upload_id, 2 * unit, pieces[2])
        whole = {
            "upload_id": upload_id,
            "size_bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        b.call("PUT", "/api/v1/blobs/models/x", query=whole)

    with closing(open_blobs(two.stores["blob_store"])) as blobs:
        assert b"".join(blobs.read("models/x")) == content


def send(http, upload_id, offset, piece):
    query = {"upload_id": upload_id, "offset": offset}
    http.call("PATCH", "/api/v1/blobs/", query=query, content=piece)


def test_a_combiners_store_goes_on_with_the_controller_that_is_there(two, tmp_path):
    """It knows the addresses of both."""
    addresses = f"{two.a.api_url},{two.b.api_url}"
    (tmp_path / "file").write_bytes(b"content")
    with closing(open_blobs(CONTROLLER, Http(addresses, two.network.token))) as blobs:
        blobs.put("models/x", [b"first"])
        two.network._controller.stop()

        blobs.put_file("models/y", tmp_path / "file")

        assert b"".join(blobs.read("models/x")) == b"first"
        assert b"".join(blobs.read("models/y")) == b"content"


def test_a_package_and_a_draft_of_one_are_the_others(two, tmp_path, model):
    """Neither keeps a copy of its own that could be old."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "fednet.yaml").write_text("entry_points:\n  train: {command: x}\n")
    create_package(tmp_path / "package", tmp_path / "package.tgz")
    two.b.get_packages()
    two.a.set_active_package(str(tmp_path / "package.tgz"), "numpyhelper")
    two.a.set_active_model(model)

    draft = {"name": "d", "session_config": {"rounds": 1, "clients_required": 1}}
    headers = {
        "Authorization": f"Bearer {two.network.token}"
    }  # and no word of ours: a client of FEDn
    sent = requests.post(
        f"{two.a.api_url}/api/v1/sessions/", json=draft, headers=headers, timeout=SECONDS
    )
    kept = sent.json()
    with http_of(two.b, two.network.token) as b:
        active = b.call("GET", "/api/v1/packages/active")
        b.call("DELETE", "/api/v1/packages/active")
        with pytest.raises(FailedPrecondition, match="client"):  # none is there; the draft is known
            b.call("POST", "/api/v1/sessions/start", body={"session_id": kept["session_id"]})

    assert active["file_name"] == "package.tgz"
    with pytest.raises(NotFound):
        two.a.get_active_package()
