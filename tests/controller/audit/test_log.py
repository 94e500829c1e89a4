"""The audit log: one chain for all controllers, in each store."""

import threading
from contextlib import closing

import pytest

from fednet import limits
from fednet.audit import verified_audit
from fednet.controller.audit.entries import AuditDraft, Outcome
from fednet.controller.audit.log import AuditLog
from fednet.controller.records import COLLECTIONS, Records, timestamp
from fednet.errors import Unavailable
from fednet.storage import open_documents

SECONDS = 200


@pytest.fixture(params=("memory", "sqlite", "postgresql", "mongodb"))
def stored(request, tmp_path):
    """The records in a store of each kind."""
    here = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/state.db"}
    url = here.get(request.param) or request.getfixturevalue(f"{request.param}_url")
    with closing(open_documents(url, COLLECTIONS)) as documents:
        yield Records(documents)


@pytest.fixture
def new_log():
    """Open a log; all are closed at the end."""
    logs = []

    def new(records, name="here"):
        logs.append(AuditLog(records, name))
        return logs[-1]

    yield new
    for log in logs:
        log.close()


def draft(name="ada"):
    who = {"kind": "user", "id": "u", "name": name}
    on = {"kind": "models", "id": "m"}
    return AuditDraft(timestamp(), who, "models:write", "PUT /x", on, "10.0.0.1", Outcome.BEGUN)


def entries_of(log):
    """All entries, as a reader gets them."""
    found, number, head = [], 0, log.head()
    while number < head.number:
        entries, number = log.after(number, head)
        found += entries
    return found


def test_entries_form_a_chain_in_each_store(stored, new_log):
    """Numbered from 1 on; a number is given once the entry is stored."""
    log = new_log(stored)

    assert [log.append(draft(name)) for name in "abc"] == [1, 2, 3]

    entries = entries_of(log)
    assert [entry["who"]["name"] for entry in entries] == ["a", "b", "c"]
    assert verified_audit(entries).head == log.head()
    assert entries_of(new_log(stored, "later")) == entries


def test_two_controllers_append_one_chain_in_each_store(stored, new_log):
    """At the same time, from many threads: nothing is lost, and no number is given twice."""
    logs = [new_log(stored, name) for name in ("one", "other")]
    numbers = []

    def append(log, name):
        numbers.extend(log.append(draft(f"{name}-{each}")) for each in range(10))

    threads = [
        threading.Thread(target=append, args=(log, f"{place}-{number}"))
        for place, log in enumerate(logs)
        for number in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    entries = entries_of(logs[0])
    assert sorted(numbers) == list(range(1, 81))
    assert len({entry["who"]["name"] for entry in entries}) == 80
    assert {entry["controller"] for entry in entries} == {"one", "other"}
    assert verified_audit(entries).head == logs[1].head()


def test_entries_that_come_together_are_one_document(records, new_log, monkeypatch):
    """So that a thousand joins cost the store a few writes."""
    blocks, gate = [], threading.Event()
    insert = type(records.documents).insert

    def slow(documents, collection, document):
        if collection == "audit":
            assert gate.wait(SECONDS)
            blocks.append(document)
        return insert(documents, collection, document)

    monkeypatch.setattr(type(records.documents), "insert", slow)
    log = new_log(records)
    log.append_soon(draft("first"))
    for number in range(limits.audit_block_entries):
        log.append_soon(draft(str(number)))
    gate.set()
    log.close()

    assert len(blocks) <= 3
    assert log.head().number == limits.audit_block_entries + 1


def test_where_the_store_is_away_the_request_is_refused(records, new_log, monkeypatch):
    """What cannot be told is not done; what was done already is told later."""
    away = threading.Event()
    away.set()
    insert = type(records.documents).insert

    def insert_or_fail(documents, collection, document):
        if collection == "audit" and away.is_set():
            raise Unavailable("The store is away.")
        return insert(documents, collection, document)

    monkeypatch.setattr(type(records.documents), "insert", insert_or_fail)
    log = new_log(records)

    with pytest.raises(Unavailable, match="nothing was changed"):
        log.append(draft("refused"))
    log.append_soon(draft("kept"))
    away.clear()
    log.append(draft("later"))

    assert {"kept", "later"} == {entry["who"]["name"] for entry in entries_of(log)}


def test_the_queue_is_bounded(records, new_log, monkeypatch):
    """A store that hangs costs no memory without end."""
    monkeypatch.setattr(limits, "audit_waiting_entries_max", 3)
    monkeypatch.setattr(limits, "audit_seconds_max", 0.05)
    hangs = threading.Event()
    insert = type(records.documents).insert

    def hang(documents, collection, document):
        if collection == "audit":
            assert hangs.wait(SECONDS)
        return insert(documents, collection, document)

    monkeypatch.setattr(type(records.documents), "insert", hang)
    log = new_log(records)
    with pytest.raises(Unavailable):
        log.append(draft())
    for _ in range(limits.audit_waiting_entries_max):
        log.append_soon(draft())

    with pytest.raises(Unavailable):
        log.append_soon(draft())
    hangs.set()


def test_a_gap_in_the_store_is_read_over_and_found(records, new_log):
    """Entries behind a block that somebody deleted are still read; the check names the first that is missing."""
    log = new_log(records)
    for name in "abcd":
        log.append(draft(name))
    records.documents.delete("audit", f"{2:016d}")

    entries = entries_of(log)

    assert [entry["number"] for entry in entries] == [1, 3, 4]
    with pytest.raises(Exception, match="Entry 2 is missing"):
        verified_audit(entries)


def test_long_texts_are_cut(records, new_log):
    """A caller cannot fill the log with one request."""
    log = new_log(records)
    log.append(draft("x" * 10_000))

    assert len(entries_of(log)[0]["who"]["name"]) == limits.name_characters_max
