"""Decisions are written down once, however often and from wherever."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fednet.controller.sessions.events import Record
from fednet.controller.sessions.store import SessionStore
from fednet.errors import Conflict, Unavailable


@pytest.fixture
def store(records):
    return SessionStore(records)


def test_a_record_written_twice_is_one_document(store):
    """A repeat after a crash changes nothing."""
    record = Record("models", "m", {"model": "m", "session_id": "s"})

    store.put(record)
    store.put(record)

    assert store.records.count("models") == 1
    assert store.records.get("models", "m")["session_id"] == "s"


def test_a_record_changes_what_it_names_and_nothing_else(store):
    """The number that a round was given stays."""
    store.put(Record("rounds", "r", {"status": "Pending", "number": 1}))
    before = store.records.get("rounds", "r")

    store.put(Record("rounds", "r", {"status": "Finished"}))

    after = store.records.get("rounds", "r")
    assert after["status"] == "Finished"
    assert (after["number"], after["round_id"]) == (1, before["round_id"])


def test_rounds_are_numbered_through_the_network_without_repeats(store):
    """Also when sessions begin rounds at the same time."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.put(Record("rounds", f"r{n}", {"number": 1})), range(20)))

    numbers = [int(each["round_id"]) for each in store.records.find("rounds")]
    assert sorted(numbers) == list(range(1, 21))


def test_one_round_put_by_many_at_once_is_one_round(store):
    """Whoever is second changes what the first wrote."""
    record = Record("rounds", "r", {"status": "Pending"})
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(store.put, [record] * 8))

    assert store.records.count("rounds") == 1


def test_a_document_that_never_changes_is_added_once(store):
    """The first one stays."""
    store.add([("statuses", {"id": "one", "status": "first"})])
    store.add([("statuses", {"id": "one", "status": "second"})])

    assert store.records.get("statuses", "one")["status"] == "first"


def test_a_session_that_another_controller_changed_is_a_conflict(store):
    """Its document is not what was written last."""
    session = store.records.insert("sessions", {"id": "d", "session_id": "s", "status": "STARTED"})
    store.records.update("sessions", "d", lambda _: {"status": "FAILED"})

    with pytest.raises(Conflict):
        store.put_session(session, {"status": "FINISHED"})


def test_a_write_of_which_only_the_answer_was_lost_is_no_conflict(store, monkeypatch):
    """The repeat finds its own work."""
    session = store.records.insert("sessions", {"id": "d", "session_id": "s", "status": "STARTED"})
    documents, update = store.records.documents, store.records.documents.update

    def update_and_lose_the_answer(*arguments, **options):
        update(*arguments, **options)
        raise Unavailable("The line broke.")

    monkeypatch.setattr(documents, "update", update_and_lose_the_answer)
    with pytest.raises(Unavailable):
        store.put_session(session, {"status": "FINISHED"})
    monkeypatch.undo()

    assert store.put_session(session, {"status": "FINISHED"})["version"] == session["version"] + 1
