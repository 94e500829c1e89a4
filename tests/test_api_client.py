"""The notebook client, against a real server."""

import inspect
import io
import json
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack

import numpy as np
import pytest
from plain_sessions import PlainSessions
from plain_tokens import tokens_of

from fednet import APIClient, limits
from fednet.contract import PrivacyOptions, SecureOptions
from fednet.controller.accounts.accounts import Accounts
from fednet.controller.app import Services, create_app
from fednet.controller.audit.auditor import Auditor
from fednet.controller.audit.log import AuditLog
from fednet.controller.catalog import Catalog
from fednet.controller.cleaning.cleaner import Cleaner
from fednet.controller.feed.feed import Feed
from fednet.controller.feed.log import FeedLog
from fednet.controller.members.registry import Registry
from fednet.controller.presence import Presence
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.rest.later import WAITS
from fednet.controller.rest.server import serving
from fednet.controller.tokens.keys import NetworkKeys
from fednet.environment import default_data_dir
from fednet.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    FednetError,
    InvalidInput,
    InvalidModel,
    InvalidPackage,
    NotFound,
    SessionFailed,
    TransferCorrupted,
    Unauthenticated,
    Unavailable,
)
from fednet.identity import (
    Signer,
    admin_token,
    keep_signing_key,
    new_signing_key,
    write_local_network,
)
from fednet.packages import create_package
from fednet.server_functions import ServerFunctionsBase
from fednet.storage import open_blobs, open_documents
from fednet.testing import FaultProxy


class Door:
    """In front of the app: counts the calls, and fails the next ones, after the app has done its work."""

    def __init__(self, app):
        self.app = app
        self.calls = 0
        self.failures = 0
        self.on_call = lambda: None

    def __call__(self, environ, start_response):
        if not is_called_again(environ):
            self.calls += 1
        self.on_call()
        if self.failures == 0:
            return self.app(environ, start_response)
        self.failures -= 1
        list(self.app(environ, lambda *_: None))
        start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
        return [b"later"]


def is_called_again(environ):
    """The request has come before, and has waited since."""
    return environ[WAITS].deadline is not None


@pytest.fixture
def serve():
    """Serves a WSGI application on a free port; answers its URL."""
    with ExitStack() as running:

        def start(app):
            listening = socket.create_server(("127.0.0.1", 0))
            running.enter_context(serving(app, listening, threads=4))
            return f"http://127.0.0.1:{listening.getsockname()[1]}"

        yield start


class Controller:
    """A served controller with an admin's token, its parts at hand."""

    def __init__(self, data_dir, serve):
        signer = Signer.from_pem(keep_signing_key(data_dir, new_signing_key()))
        self.token = admin_token(data_dir, signer)
        self.records = Records(open_documents("memory://", COLLECTIONS))
        self.blobs = open_blobs("memory://")
        self.feed = Feed(FeedLog(self.records, "here"))
        self.sessions = PlainSessions(self.records, self.feed)
        tokens = tokens_of(self.records, signer, self.feed)
        registry = Registry(self.records, Presence(), tokens, lambda _: None, list, dict)
        catalog = Catalog(self.records, self.blobs, data_dir / "uploads")
        keys, log = NetworkKeys.open(self.records, data_dir), AuditLog(self.records, "here")
        auditor, cleaner = Auditor(log), Cleaner(self.records, self.blobs, log, {})
        stores = (self.records, self.blobs, registry, catalog, self.sessions)
        users = (self.feed, Accounts(self.records, tokens), auditor, cleaner)
        self.services = Services(*stores, tokens, keys, *users)
        self.door = Door(create_app(self.services))
        self.url = serve(self.door)


@pytest.fixture
def controller(tmp_path, serve):
    running = Controller(tmp_path / "data", serve)
    yield running
    running.feed.close()


@pytest.fixture
def api(controller):
    with APIClient(controller.url, token=controller.token) as client:
        yield client


@pytest.fixture
def quick_retries(monkeypatch):
    """Pauses that do not keep the tests waiting."""
    monkeypatch.setattr(limits, "retry_seconds_first", 0.001)


@pytest.fixture
def model(tmp_path):
    """A model file."""
    path = tmp_path / "model.npz"
    np.savez(path, **{"0": np.ones((3, 2), np.float32)})
    return path


@pytest.fixture
def package(tmp_path):
    """A compute package's file."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "fednet.yaml").write_text("entry_points:\n  train: {command: python train.py}\n")
    create_package(folder, tmp_path / "package.tgz")
    return tmp_path / "package.tgz"


def test_a_model_is_set_and_read_back(api, model, tmp_path):
    """What comes back is what was sent, byte by byte."""
    answer = api.set_active_model(str(model))

    assert answer["success"] is True
    assert api.get_active_model()["id"] == answer["model_id"]
    assert api.get_model(answer["model_id"]) == api.get_active_model()
    downloaded = api.download_model(answer["model_id"], str(tmp_path / "back.npz"))
    assert downloaded["success"] is True
    assert (tmp_path / "back.npz").read_bytes() == model.read_bytes()


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ([np.ones((3, 2), np.float32), np.zeros(2)], ["0", "1"]),
        ({"w": np.ones((3, 2), np.float32), "b": np.zeros(2)}, ["w", "b"]),
    ],
)
def test_parameters_in_memory_become_the_active_model(api, tmp_path, parameters, names):
    """Their order and their names are kept."""
    model_id = api.set_active_model(parameters)["model_id"]

    api.download_model(model_id, tmp_path / "back.npz")
    with np.load(tmp_path / "back.npz") as found:
        assert list(found) == names
        assert [found[name].shape for name in names] == [(3, 2), (2,)]
    with pytest.raises(InvalidModel, match="complex128"):
        api.set_active_model([np.ones(2, np.complex128)])
    assert api.get_active_model()["id"] == model_id


def test_a_package_is_set_and_read_back(api, package, tmp_path):
    """With what was said of it."""
    answer = api.set_active_package(str(package), "numpyhelper", name="digits")

    assert answer["success"] is True
    active = api.get_active_package()
    assert (active["name"], active["file_name"]) == ("digits", "package.tgz")
    assert api.get_package(active["id"])["active"] is True
    assert api.get_package_checksum() == {"checksum": active["sha256"]}
    assert api.download_package(str(tmp_path / "back.tgz"))["success"] is True
    assert (tmp_path / "back.tgz").read_bytes() == package.read_bytes()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda api, here: api.set_active_model(here / "junk"), InvalidModel, "junk|format|npz"),
        (lambda api, here: api.set_active_model(here / "complex.npz"), InvalidModel, "complex64"),
        (lambda api, here: api.set_active_package(here / "junk", "pickle"), InvalidInput, "pickle"),
        (
            lambda api, here: api.set_active_package(here / "junk", "numpyhelper"),
            InvalidPackage,
            "tar|zip",
        ),
        (lambda api, here: api.download_model("nope", here / "back"), NotFound, "nope"),
        (lambda api, here: api.download_package(here / "back"), NotFound, "set_active_package"),
        (lambda api, _here: api.start_session(rounds=0), InvalidInput, "rounds"),
        (lambda api, here: api.start_session(here), InvalidInput, "JSON"),
        (lambda api, _here: api.start_predictions("../x"), InvalidInput, "prediction_id"),
    ],
)
def test_a_refusal_that_fedn_answers_as_a_dict_is_raised(api, tmp_path, call, error, words):
    """The error has the controller's reason, so no program goes on with another model; no file is written."""
    (tmp_path / "junk").write_bytes(b"junk")
    np.savez(tmp_path / "complex.npz", **{"0": np.ones(3, np.complex64)})

    with pytest.raises(error, match=words):
        call(api, tmp_path)

    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("status", ["FAILED", "TERMINATED"])
def test_a_loop_until_a_session_is_finished_ends_when_it_has_failed(api, controller, status):
    """The error has the reason that the session's document gives."""
    api.start_session("one")
    assert api.session_is_finished("one") is False
    controller.sessions.change("one", status=status, reason="too few clients answered")

    with pytest.raises(SessionFailed, match=f"{status}: too few clients answered"):
        api.session_is_finished("one")
    assert api.wait_session("one")["reason"] == "too few clients answered"


def test_a_refused_lookup_is_raised(api):
    """With the server's words."""
    with pytest.raises(NotFound, match="nope"):
        api.get_session("nope")
    with pytest.raises(NotFound, match="set_active_model"):
        api.get_active_model()
    with pytest.raises(Unauthenticated):
        APIClient(api.api_url, token="no.such.token").get_clients()


def test_a_file_of_this_machine_that_is_no_good_is_raised(api, controller, model, tmp_path):
    """It is no refusal of the server's."""
    model_id = api.set_active_model(str(model))["model_id"]

    with pytest.raises(InvalidInput, match="missing") as reading:
        api.set_active_model(str(tmp_path / "missing.npz"))
    with pytest.raises(InvalidInput, match="missing") as writing:
        api.download_model(model_id, str(tmp_path / "missing" / "model.npz"))

    assert (reading.value.field, writing.value.field) == ("path", "path")
    assert controller.records.count("models") == 1


def test_an_id_with_odd_characters_stays_one_part_of_the_path(api):
    """Nobody gets to another route by an id."""
    for odd in ("../clients/count", "a?b=c", "a#b", "%2e%2e"):
        with pytest.raises(NotFound):
            api.get_session(odd)


class Selecting(ServerFunctionsBase):
    def client_selection(self, client_ids):
        return client_ids[:2]


def test_a_session_is_started_with_every_option(api):
    """All of FEDn's options arrive, and ours; of server functions, their source."""
    options = {
        "aggregator": "fedavg",
        "aggregator_kwargs": {"a": 1},
        "model_id": "m",
        "round_timeout": 60,
        "rounds": 2,
        "round_buffer_size": 3,
        "round_retries": 0,
        "delete_models": False,
        "helper": "numpyhelper",
        "min_clients": 2,
        "requested_clients": 4,
        "name": "first",
        "seed": 7,
        "settings": {"learning_rate": 0.1, "layers": [64, 32]},
        "update_codec": "delta+int8",
        "examples_max": 1000,
        "dp": PrivacyOptions(clip=1.5, noise_multiplier=2.0).model_dump(mode="json"),
        "models_kept": 3,
        "secure": SecureOptions(protocol="pet").model_dump(mode="json"),
    }

    answer = api.start_session("one", validate=False, server_functions=Selecting, **options)

    assert answer["success"] is True
    assert answer["config"] == {
        **options,
        "session_id": "one",
        "validate_models": False,
        "server_functions": inspect.getsource(Selecting),
    }
    assert api.get_session_status("one") == "INITIALIZED"
    assert api.session_is_finished("one") is False


@pytest.mark.usefixtures("quick_retries")
def test_a_lost_answer_makes_nothing_twice(api, controller, model, package):
    """What creates something is sent again under the same id."""
    makers = [
        api.start_session,
        lambda: api.set_active_model(str(model)),
        lambda: api.set_active_package(str(package), "numpyhelper"),
    ]

    for make in makers:
        controller.door.failures = 2
        assert make()["success"] is True

    counts = [controller.records.count(each) for each in ("sessions", "models", "packages")]
    assert counts == [1, 1, 1]
    assert controller.door.calls == 9


def test_transfers_tell_how_far_they_are(api, model, tmp_path):
    """The last word of each is that all bytes have gone."""
    told = []
    api.on_transfer(lambda done, total: told.append((done, total)))

    model_id = api.set_active_model(str(model))["model_id"]
    uploaded, told[:] = told[-1], []
    api.download_model(model_id, str(tmp_path / "back.npz"))

    size_bytes = model.stat().st_size
    assert uploaded == told[-1] == (size_bytes, size_bytes)


@pytest.mark.usefixtures("quick_retries")
def test_retries_have_an_end(api, controller):
    """Then the server's answer is raised."""
    controller.door.failures = 1_000

    with pytest.raises(Unavailable):
        api.get_clients()

    assert controller.door.calls == limits.retry_attempts_max + 1


@pytest.mark.usefixtures("quick_retries")
def test_a_controller_that_is_not_there_is_named(tmp_path):
    """With the question that helps; also by the methods that answer dicts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = APIClient(url, token="t")

        with pytest.raises(Unavailable, match="running"):
            client.get_clients()
        with pytest.raises(Unavailable, match=url):
            client.download_model("x", str(tmp_path / "x"))


def broken_off(_environ, start_response):
    start_response("200 OK", [("Content-Length", "100"), ("ETag", f'"{"0" * 64}"')])
    return [b"half"]


def other_bytes(_environ, start_response):
    start_response("200 OK", [("Content-Length", "5"), ("ETag", f'"{"0" * 64}"')])
    return [b"other"]


@pytest.mark.parametrize(
    ("app", "error"), [(broken_off, Unavailable), (other_bytes, TransferCorrupted)]
)
def test_a_download_that_goes_wrong_leaves_nothing(serve, tmp_path, app, error):
    """What was at the path before stays there."""
    target = tmp_path / "files" / "model.npz"
    target.parent.mkdir()
    target.write_bytes(b"before")

    with pytest.raises(error), APIClient(serve(app), token="t") as client:
        client.download_model("x", str(target))

    assert target.read_bytes() == b"before"
    assert list(target.parent.iterdir()) == [target]


def plain_page(_environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<html>"]


def elsewhere(_environ, start_response):
    start_response("302 Found", [("Location", "http://127.0.0.1:1/")])
    return [b""]


@pytest.mark.parametrize("app", [plain_page, elsewhere])
def test_a_server_that_is_no_controller_is_told_apart(serve, app):
    """The token is not carried on to where it points."""
    with pytest.raises(FednetError), APIClient(serve(app), token="t") as client:
        client.get_clients()


@pytest.mark.parametrize(
    ("host", "token"),
    [("http://[", "t"), ("ftp://x", "t"), ("http://x", "a\nb"), ("http://x", "ŧ")],
)
def test_an_odd_address_or_token_is_invalid(host, token):
    """No foreign exception comes through."""
    with pytest.raises(InvalidInput):
        APIClient(host, token=token).get_clients()


@pytest.mark.parametrize("value", [float("nan"), object(), {1}])
def test_what_is_no_json_is_not_sent(api, controller, value):
    """The error tells it from a server that is away."""
    with pytest.raises(InvalidInput, match="JSON"):
        api.start_session(aggregator_kwargs={"a": value})

    assert controller.door.calls == 0


def test_a_list_is_paged_to_its_end(api, controller, monkeypatch):
    """Newest first, each once, and no more than asked for."""
    monkeypatch.setattr(limits, "page_items_max", 3)
    for number in range(7):
        controller.records.insert("rounds", {"id": f"r{number}", "round_id": f"r{number}"})

    def ids(n_max=None):
        return [each["id"] for each in api.get_rounds(n_max)["result"]]

    assert ids() == [f"r{number}" for number in range(6, -1, -1)]
    assert ids(5) == ["r6", "r5", "r4", "r3", "r2"]
    assert ids(3) == ["r6", "r5", "r4"]
    assert api.get_rounds(1)["count"] == 7
    assert api.get_rounds_count() == 7


@pytest.fixture
def two_of_each(controller):
    """Two clients, and a model, a status, a validation and a prediction of each."""
    insert = controller.records.insert
    for name in ("one", "two"):
        client = {"name": f"client-{name}"}
        insert("models", {"id": name, "session_id": name})
        source = {**client, "kind": "client"}
        insert("statuses", {"session_id": name, "type": name, "source": source})
        sent = {"model_id": name, "client": client, "combiner": f"combiner-{name}"}
        insert("validations", {**sent, "task_id": name})
        insert("predictions", {**sent, "prediction_id": name})


@pytest.mark.usefixtures("two_of_each")
def test_lists_are_filtered(api):
    """Each filter finds its one among two."""
    assert [each["id"] for each in api.get_models(session_id="one")["result"]] == ["one"]
    assert api.get_statuses(event_type="one")["count"] == 1
    assert api.get_statuses(source_name="client-one", source_kind="client")["count"] == 1
    assert api.get_validations(model_id="one", task_id="one")["count"] == 1
    assert api.get_validations(client_name="client-two", combiner="x")["count"] == 0
    assert api.get_predictions(prediction_id="two", combiner="combiner-two")["count"] == 1
    assert api.get_predictions(correlation_id="two", sender_role="WORKER")["count"] == 1


def test_the_controller_tells_where_and_how_it_is(api, package):
    """Its address as it was called, the package's digest, and what it does."""
    api.set_active_package(str(package), "numpyhelper")

    config = api.get_client_config()

    assert f"http://{config['discover_host']}:{config['discover_port']}" == api.api_url
    assert config["checksum"] == api.get_package_checksum()["checksum"]
    assert "checksum" not in api.get_client_config(checksum=False)
    assert api.get_controller_status() == {"state": "setup"}


def test_a_session_is_drawn(api, controller):
    """Its rounds and validations are looked up, those of others are not."""
    for session_id in ("one", "two"):
        api.start_session(session_id)
        round_id = f"{session_id}-1"
        seconds = {"round": 2.0, "plan": 0.1, "train": 1.0, "reduce": 0.5}
        fields = {"round_id": round_id, "number": 1, "status": "Finished", "model_id": None}
        fields |= {"answers": [], "combiners": [], "seconds": seconds}
        validation = {"session_id": session_id, "client": {"name": session_id}}
        metrics = {"accuracy": 0.5}
        controller.records.insert("rounds", {"id": round_id, "session_id": session_id, **fields})
        controller.records.insert(
            "validations", {**validation, "round_id": round_id, "metrics": metrics}
        )

    measured = api.plot_validations("one", "accuracy")

    assert [each.name for each in measured.data] == ["one", "mean of the clients"]
    assert [list(each.x) for each in api.plot_rounds("one").data] == [[1]] * 9
    with pytest.raises(NotFound, match="nope"):
        api.plot_rounds("nope")


def test_the_trail_is_drawn(api, model):
    """To the active model."""
    model_id = api.set_active_model(str(model))["model_id"]

    figure = api.plot_model_trail()

    assert figure.data[-1].customdata[0][0] == model_id


def test_the_trail_ends_at_the_active_model(api, controller, monkeypatch):
    """Oldest first, however many pages it takes."""
    monkeypatch.setattr(limits, "page_items_max", 3)
    names = [f"m{number}" for number in range(8)]
    for parent, child in zip([None, *names], names, strict=False):
        controller.records.insert("models", {"id": child, "parent_id": parent})
    controller.records.set_active(model_id="m7")

    def trail(*args, **options):
        return [each["id"] for each in api.get_model_trail(*args, **options)]

    assert trail() == names
    assert trail(reverse=False) == names[::-1]
    assert trail("m3", include_self=False) == names[:3]
    assert trail(n_max=4) == names[4:]


def test_a_session_is_waited_for_without_polling(api, controller):
    """One call for each change, and the last state is the answer."""
    api.start_session("one")
    seen = []

    def on_change(session):
        seen.append(session["status"])
        following = {"INITIALIZED": "STARTED", "STARTED": "FINISHED"}.get(session["status"])
        if following:
            change = threading.Timer(
                0.05, controller.sessions.change, ["one"], {"status": following}
            )
            change.start()

    calls_before = controller.door.calls
    final = api.wait_session("one", on_change, timeout=20)

    assert seen == ["INITIALIZED", "STARTED", "FINISHED"]
    assert final["status"] == "FINISHED"
    assert controller.door.calls - calls_before == 3
    assert api.session_is_finished("one") is True


def test_a_wait_for_the_end_alone_asks_the_server_once(api, controller):
    """However often the session changes meanwhile; before, it looks whether the session has ended already."""
    api.start_session("one")
    changes = [{"round_number": 1}, {"round_number": 2}, {"status": "FINISHED"}]
    changing = controller.sessions.change_when_awaited("one", *changes)

    calls_before = controller.door.calls
    final = api.wait_session("one", timeout=limits.wait_seconds_max)

    assert final["status"] == "FINISHED"
    assert controller.door.calls - calls_before == 2
    changing.join()


def test_a_session_is_found_by_its_name(api):
    """The newest one of that name."""
    for number in (1, 2):
        api.start_session(f"s{number}", name="mine")

    assert api.get_session(name="mine")["session_id"] == "s2"
    assert api.get_session("s1")["name"] == "mine"
    with pytest.raises(NotFound, match="nobody's"):
        api.get_session(name="nobody's")
    with pytest.raises(InvalidInput, match="id or the name"):
        api.get_session()


def test_attributes_are_added_and_read(api, controller):
    """By a client's id or name, in our words or with FEDn's sender."""
    client_id = controller.records.insert("clients", {"name": "a"})["id"]
    api.add_attributes({"key": "charging", "value": "true", "source": {"id": client_id}})
    sender = {"name": "", "role": "", "client_id": client_id}
    kept = api.add_attributes({"key": "charging", "value": "false", "sender": sender})

    assert kept["source"]["id"] == client_id
    assert api.get_current_attributes(client_id) == {client_id: {"charging": "false"}}
    assert "nobody" in api.get_current_attributes(["a", "nobody"])["nobody"]
    with pytest.raises(InvalidInput):
        api.get_current_attributes([])
    with pytest.raises(InvalidInput):
        api.add_attributes({"value": "true"})


def test_a_session_is_steered(api, controller):
    """Each answer is the session as it is then; what it cannot do now is raised."""
    api.start_session("one")
    controller.sessions.change("one", status="STARTED")

    assert api.pause_session("one")["status"] == "PAUSED"
    assert api.resume_session("one")["status"] == "STARTED"
    assert api.stop_session("one")["status"] == "TERMINATED"
    with pytest.raises(FailedPrecondition, match="TERMINATED"):
        api.pause_session("one")
    with pytest.raises(NotFound, match="nope"):
        api.stop_session("nope")


@pytest.mark.usefixtures("quick_retries")
def test_a_lost_answer_adds_rounds_once(api, controller):
    """The call says how many there are to be."""
    api.start_session("one", rounds=3)
    controller.sessions.change("one", status="FINISHED")

    longer = api.continue_session("one", 2)
    controller.sessions.change("one", status="FINISHED")
    controller.door.failures = 2
    again = api._steer("one", "continue", {"rounds": 2, "rounds_total": 7})

    assert (longer["rounds_total"], again["rounds_total"]) == (5, 7)


def test_a_wait_has_an_end(api):
    """The session goes on."""
    api.start_session("one")

    with pytest.raises(DeadlineExceeded, match="INITIALIZED"):
        api.wait_session("one", timeout=0.05)


def test_a_wait_goes_on_with_the_next_controller(controller):
    """When the connection breaks on which it waits."""
    with (
        FaultProxy(controller.url.removeprefix("http://")) as first,
        APIClient(f"http://{first.address},{controller.url}", token=controller.token) as api,
    ):
        api.start_session("one")
        controller.sessions.change("one", status="STARTED")
        controller.door.on_call = lambda: break_off(first, controller)

        final = api.wait_session("one", timeout=200)

    assert final["status"] == "FINISHED"


def break_off(proxy, controller):
    """Refuse the first address while a call is under way, then let the session end."""
    controller.door.on_call = lambda: None
    proxy.refuse()
    controller.sessions.change("one", status="FINISHED")


@pytest.mark.usefixtures("quick_retries")
def test_a_wait_outlives_a_controller_that_comes_back(api, controller, monkeypatch):
    """However many calls fail meanwhile."""
    monkeypatch.setattr(limits, "waiting_pause_seconds", 0.01)
    api.start_session("one")

    def stay_away(_session):
        if controller.door.failures == 0:
            controller.door.failures = 3 * (limits.retry_attempts_max + 1)
            controller.sessions.change("one", status="FINISHED")

    assert api.wait_session("one", stay_away, timeout=200)["status"] == "FINISHED"


@pytest.mark.usefixtures("quick_retries")
def test_a_wait_ends_when_the_controller_stays_away(api, controller, monkeypatch):
    """After a time without any answer."""
    monkeypatch.setattr(limits, "waiting_pause_seconds", 0.01)
    monkeypatch.setattr(limits, "controller_absence_seconds_max", 0.0)
    api.start_session("one")

    def stay_away(_session):
        controller.door.app = stopping

    with pytest.raises(Unavailable, match="stops"):
        api.wait_session("one", stay_away, timeout=200)


def stopping(_environ, start_response):
    start_response("503 Service Unavailable", [("Content-Type", "application/json")])
    return [b'{"message": "It stops."}']


@pytest.mark.usefixtures("quick_retries")
def test_an_answer_lost_at_one_controller_makes_nothing_twice_at_the_next(controller, serve, model):
    """Its id travels with the call."""
    away = Door(controller.door.app)
    away.failures = 1_000
    with APIClient(f"{serve(away)},{controller.url}", token=controller.token) as api:
        assert api.set_active_model(str(model))["success"] is True
        assert api.start_session()["success"] is True

    assert away.calls == 1
    assert [controller.records.count(each) for each in ("models", "sessions")] == [1, 1]


def test_a_server_without_room_to_wait_is_left_alone_for_a_moment(api, controller, monkeypatch):
    """Its early answers make no busy loop."""
    monkeypatch.setattr(limits, "waiting_pause_seconds", 0.2)
    monkeypatch.setattr(controller.feed._listeners, "_count_max", 0)
    api.start_session("one")

    calls_before = controller.door.calls
    with pytest.raises(DeadlineExceeded):
        api.wait_session("one", timeout=0.5)

    assert controller.door.calls - calls_before <= 7


def test_the_address_is_what_host_port_and_secure_say():
    """As FEDn reads them; the host may be a URL."""

    def url(*args, **options):
        return APIClient(*args, token="t", **options).api_url

    assert url("localhost", 8092) == "http://localhost:8092"
    assert url("fednet.example.org", secure=True) == "https://fednet.example.org"
    assert url("https://fednet.example.org/") == "https://fednet.example.org"
    assert url("http://localhost", 8092) == "http://localhost:8092"
    assert url("a, https://b/", 8092) == "http://a:8092,https://b:8092"


def test_without_a_host_the_environment_counts_before_this_machine(controller, monkeypatch):
    """FEDNET_URL and FEDNET_TOKEN, else the network.json of the default data folder."""
    with pytest.raises(InvalidInput, match="FEDNET_URL"):
        APIClient()

    write_local_network(default_data_dir(), controller.url, controller.token)
    with APIClient() as local, APIClient(controller.url) as same:
        assert local.get_clients_count() == 0
        assert same.get_clients_count() == 0

    monkeypatch.setenv("FEDNET_URL", "http://example.org")
    monkeypatch.setenv("FEDNET_TOKEN", "t")
    assert APIClient().api_url == "http://example.org"


def test_the_token_of_this_machine_is_not_sent_elsewhere(serve):
    """Another host gets none at all."""
    sent = []

    def app(environ, start_response):
        sent.append(environ.get("HTTP_AUTHORIZATION"))
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b"0"]

    write_local_network(default_data_dir(), "http://127.0.0.1:1", "secret")

    with APIClient(serve(app)) as client:
        client.get_clients_count()

    assert sent == [None]


def test_a_file_of_tls_that_cannot_be_used_is_refused_before_a_call(tmp_path):
    """Whoever named it is there to correct it; the error names the setting."""
    with pytest.raises(InvalidInput, match=r"none\.pem") as caught:
        APIClient("https://127.0.0.1:1", ca=tmp_path / "none.pem")

    assert caught.value.field == "ca"


def test_every_method_says_what_it_does():
    """In its docstring."""
    methods = [name for name in dir(APIClient) if not name.startswith("_")]

    assert not [name for name in methods if not getattr(APIClient, name).__doc__]


def test_importing_fednet_loads_next_to_nothing():
    """Everything else comes with its first use."""
    program = "import fednet, json, sys; print(json.dumps(sorted(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    heavy = {"requests", "numpy", "pydantic", "yaml", "grpc", "flask", "jwt", "urllib3"}
    assert not heavy & set(json.load(io.BytesIO(done.stdout)))


def test_importing_the_client_does_not_load_requests():
    """It comes with the first call."""
    program = "import fednet.api_client, sys; sys.exit('requests' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
