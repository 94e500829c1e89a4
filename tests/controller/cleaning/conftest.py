"""Models, answers and sessions of any age, in real stores."""

import time
import uuid
from datetime import UTC, datetime

import pytest

from fednet.controller.store_mark import belong_together
from fednet.digests import sha256_of

DAY = 24 * 3600.0


@pytest.fixture(autouse=True)
def marked_stores(records, blobs):
    """The stores as a controller has opened them."""
    assert belong_together(records, blobs)


@pytest.fixture(scope="session")
def days_ago():
    """Returns the time so many days ago, as documents have it."""

    def ago(days):
        at = datetime.fromtimestamp(time.time() - days * DAY, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    return ago


@pytest.fixture
def add_model(records, blobs, days_ago):
    """Adds a model of some age with its file; returns its id."""

    def add(days=0.0, parent=None, session=None, **more):
        id_ = str(uuid.uuid4())
        blobs.put(f"models/{id_}", [b"model"])
        about = {"size_bytes": 5, "sha256": sha256_of(b"model"), "helper": "numpyhelper"}
        document = {"id": id_, "parent_id": parent, "session_id": session, **about, **more}
        records.insert("models", {**document, "committed_at": days_ago(days)})
        return id_

    return add


@pytest.fixture
def add_trail(add_model):
    """Adds a session's chain of models, a day between two of them; returns their ids, the oldest first."""

    def add(session, count, parent=None):
        ids = []
        for number in range(count):
            parent = add_model(count - number, parent, session)
            ids.append(parent)
        return ids

    return add


@pytest.fixture
def add_session(records):
    """Adds a session's document; its state names some ids."""

    def add(session_id, status="FINISHED", *named, **options):
        document = {
            "id": str(uuid.uuid4()),
            "session_id": session_id,
            "status": status,
            "options": options,
            "state": {"ids": list(named)},
        }
        return records.insert("sessions", document)

    return add


@pytest.fixture
def model_ids(records):
    """Returns the ids of all models that are left."""
    return lambda: {each["id"] for each in records.find("models")}


@pytest.fixture
def file_ids(blobs):
    """Returns the ids of all models' files that are left."""
    return lambda: {key.removeprefix("models/") for key in blobs.list("models/")}
