"""What is only added is kept up to a bound, the newest of it."""

from contextlib import closing
from dataclasses import replace

import pytest

from fednet import limits
from fednet.contract import RESOURCES
from fednet.controller import retention
from fednet.controller.records import COLLECTIONS, Records
from fednet.controller.retention import Retention
from fednet.storage import Query, open_documents


@pytest.fixture
def documents(tmp_path):
    with closing(open_documents(f"sqlite:///{tmp_path}/state.db", COLLECTIONS)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Bounds of sixty statuses, four of one client, looked at after each two."""
    [statuses] = [each for each in RESOURCES if each.name == "statuses"]
    declared = {"statuses": replace(statuses, kept_max=60, source_kept_max=4)}
    monkeypatch.setattr(retention, "_DECLARED", declared)
    monkeypatch.setattr(limits, "retention_documents", 2)


def status(number, name="", kind="client"):
    return {"id": str(number), "source": {"kind": kind, "id": "", "name": name}}


def kept(documents, **where):
    return [each["id"] for each in documents.find("statuses", Query(where))]


@pytest.fixture
def added(documents):
    """Adds statuses, and waits until those beyond the bounds are deleted."""

    def add(*batches):
        keeping = Retention(documents)
        records = Records(documents, keeping.note)
        for batch in batches:
            records.insert_missing("statuses", batch)
        keeping.close()

    return add


def test_the_oldest_are_deleted_beyond_the_bound(documents, added):
    """In the order in which they were added; a look comes after the last one, since it is the second of two."""
    added(*[[status(number)] for number in range(76)])

    assert kept(documents) == [str(number) for number in range(16, 76)]


def test_a_source_keeps_its_own_number(documents, added):
    """A flood of one client deletes nothing of another one."""
    added([status(f"quiet-{number}", "quiet") for number in range(3)])
    added([status(f"loud-{number}", "loud") for number in range(50)])

    assert kept(documents, **{"source.name": "quiet"}) == ["quiet-0", "quiet-1", "quiet-2"]
    assert kept(documents, **{"source.name": "loud"}) == [
        f"loud-{number}" for number in range(46, 50)
    ]


def test_a_combiner_keeps_more_than_a_client(documents, added):
    """It reports of all its clients."""
    added([status(number, "combiner-1", "combiner") for number in range(9)])

    assert len(kept(documents)) == 9


def test_a_store_that_is_too_full_is_looked_at_when_the_controller_starts(documents, added):
    """The bound may have become smaller, or the last controller was killed."""
    for number in range(75):
        documents.insert("statuses", status(number))

    added()

    assert len(kept(documents)) == 60


def test_what_has_no_bound_is_kept(documents, added):
    """A session's answers are its state."""
    for number in range(75):
        documents.insert("answers", {"id": str(number)})
    added()

    assert documents.count("answers") == 75


def test_everything_that_clients_report_has_a_bound():
    """A new resource that clients can fill belongs here, too."""
    bounded = {each.name for each in RESOURCES if each.kept_max}

    assert bounded == {
        "statuses", "attributes", "telemetries", "validations", "predictions", "metrics",
    }  # fmt: skip
