"""A controller without its server: everything real, on the in-memory stores."""

import io
import threading

import numpy as np
import pytest

from fednet.controller.app import Services, create_app
from fednet.controller.catalog import Catalog
from fednet.controller.presence import Presence
from fednet.controller.records import COLLECTIONS, Records, new_id, timestamp
from fednet.controller.registry import Registry
from fednet.errors import AlreadyExists, FailedPrecondition
from fednet.identity import Identity, Role, Signer
from fednet.packages import create_package
from fednet.storage import open_blobs, open_documents


@pytest.fixture
def records():
    documents = open_documents("memory://", COLLECTIONS)
    yield Records(documents)
    documents.close()


@pytest.fixture
def blobs():
    opened = open_blobs("memory://")
    yield opened
    opened.close()


@pytest.fixture
def presence():
    return Presence()


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    return Signer.from_folder(tmp_path_factory.mktemp("key"))


@pytest.fixture(scope="session")
def admin():
    return Identity(Role.ADMIN, "admin-id", "admin")


@pytest.fixture
def registry(records, presence, signer):
    """Combiners count as connected as soon as they are registered."""
    return Registry(
        records,
        presence,
        signer,
        on_combiner=lambda combiner: presence.combiner_up(combiner["name"], {}),
        shared_folder={"blob_store": "file:///blobs", "blob_store_mark": "m"},
    )


@pytest.fixture
def catalog(records, blobs, tmp_path):
    return Catalog(records, blobs, tmp_path / "uploads")


class PlainSessions:
    """Sessions that are written down and never run; a test changes them by hand."""

    def __init__(self, records):
        self.records = records
        self.changed = threading.Condition()

    def start(self, options):
        asked = options.model_dump(mode="json")
        session_id = options.session_id or new_id()
        document = {
            "session_id": session_id,
            "name": getattr(options, "name", None) or session_id,
            "status": "INITIALIZED",
            "session_config": [asked],
            "committed_at": timestamp(),
            "rounds_total": getattr(options, "rounds", 0),  # a prediction has none
            "state": {"asked": asked},
        }
        try:
            return self.records.insert("sessions", document)
        except AlreadyExists:
            known = self.records.get("sessions", session_id)
            if known["state"]["asked"] != asked:
                raise
            return known

    def wait(self, session_id, after_version, seconds, *, final_only=False):
        def session():
            return self.records.get("sessions", session_id)

        def is_over():
            if final_only:
                return session()["status"] in {"FINISHED", "FAILED", "TERMINATED"}
            return session()["version"] > after_version

        with self.changed:
            self.changed.wait_for(is_over, seconds)
        return session()

    def stop(self, session_id):
        return self.change(session_id, {"STARTED", "PAUSED"}, status="TERMINATED")

    def pause(self, session_id):
        return self.change(session_id, {"STARTED"}, status="PAUSED")

    def resume(self, session_id):
        return self.change(session_id, {"PAUSED"}, status="STARTED")

    def extend(self, session_id, rounds):
        total = self.records.get("sessions", session_id)["rounds_total"] + rounds
        return self.change(session_id, {"FINISHED"}, status="STARTED", rounds_total=total)

    def change(self, session_id, only_from=None, **changes):
        status = self.records.get("sessions", session_id)["status"]
        if only_from is not None and status not in only_from:
            raise FailedPrecondition(f"The session is {status}.")
        with self.changed:
            changed = self.records.update("sessions", session_id, lambda _: changes)
            self.changed.notify_all()
        return changed


@pytest.fixture
def sessions(records):
    return PlainSessions(records)


@pytest.fixture
def services(records, blobs, registry, catalog, sessions, signer):
    return Services(records, blobs, registry, catalog, sessions, signer.verifier)


@pytest.fixture
def app(services):
    return create_app(services)


@pytest.fixture
def anybody(app):
    """A test client without a token."""
    return app.test_client()


@pytest.fixture
def client_with(app, signer):
    """Makes a test client whose every call carries a token of the identity."""

    def client(identity):
        made = app.test_client()
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {signer.sign(identity)}"
        return made

    return client


@pytest.fixture
def api(client_with, admin):
    """An admin's test client."""
    return client_with(admin)


@pytest.fixture
def model_bytes():
    """Makes the bytes of a model file."""

    def make(value=1.0):
        file = io.BytesIO()
        np.savez(file, **{"0": np.full((3, 2), value, np.float32)})
        return file.getvalue()

    return make


@pytest.fixture
def package_bytes(tmp_path):
    """The bytes of a small compute package."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "fednet.yaml").write_text(
        "entry_points:\n  train: {command: python train.py}\n"
        "  validate: {command: python validate.py}\n"
    )
    create_package(folder, tmp_path / "package.tgz")
    return (tmp_path / "package.tgz").read_bytes()
