"""The cleaner on every store."""

import uuid
from contextlib import closing

import pytest

from fednet import limits
from fednet.controller.audit.log import AuditLog
from fednet.controller.cleaning.cleaner import Cleaner, Position, Run
from fednet.controller.cleaning.rules import Rule
from fednet.controller.cleaning.usage import usage_of
from fednet.controller.records import COLLECTIONS, Records
from fednet.storage import open_blobs, open_documents

RULES = {"audit": Rule(), "answers": Rule(), "models": Rule(kept_max=2), "statuses": Rule(1)}


@pytest.fixture(
    params=[
        ("sqlite", "file"),
        ("postgresql", "s3"),
        ("mongodb", "s3"),
    ],
    ids=["sqlite-file", "postgresql-s3", "mongodb-s3"],
)
def stores(request, tmp_path):
    """An empty state store and an empty blob store, of each kind."""
    state, blob = request.param
    here = {"sqlite": f"sqlite:///{tmp_path}/state.db", "file": f"file://{tmp_path}/blobs"}
    urls = [here.get(each) or request.getfixturevalue(f"{each}_url") for each in (state, blob)]
    with (
        closing(open_documents(urls[0], COLLECTIONS)) as documents,
        closing(open_blobs(urls[1])) as blobs,
    ):
        yield Records(documents), blobs


@pytest.fixture
def records(stores):
    return stores[0]


@pytest.fixture
def blobs(stores):
    return stores[1]


def test_old_models_statuses_and_orphans_go_from_every_store(
    records, blobs, add_trail, add_session, days_ago, model_ids, file_ids, monkeypatch
):
    """The active trail stays, and a session that keeps the files of its newest model only."""
    active = add_trail("first", 2)
    add_trail("second", 2)
    add_session("first", models_kept=1)
    records.set_active(model_id=active[-1])
    for days in (3, 2, 1):
        records.insert("statuses", {"timestamp": days_ago(days)})
    blobs.put(f"states/{uuid.uuid4()}", [b"lost"])
    blobs.put(f"models/{uuid.uuid4()}", [b"lost"])

    with closing(AuditLog(records, "here")) as audit:
        cleaner = Cleaner(records, blobs, audit, RULES)
        monkeypatch.setattr(limits, "orphan_seconds", 0.0)
        noted = cleaner.clean(Position("orphans"), Run(), 3600)
        cleaned = cleaner.clean(Position(), Run(older_than_seconds=0), 3600)
        usage = usage_of(records, blobs, audit).as_json()

    assert (noted.count["orphans"], cleaned.position) == (0, None)
    assert cleaned.count["models"] == cleaned.count["orphans"] == 2
    assert (cleaned.count["statuses"], cleaned.count["files"]) == (3, 1)
    assert (model_ids(), file_ids()) == (set(active), {active[-1]})
    assert usage["kinds"]["models"] == {"count": 2, "size_bytes": 5}
    assert usage["sessions"] == [{"session_id": "first", "count": 2, "size_bytes": 5}]
