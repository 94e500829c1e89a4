"""What every server of state stores must survive: it goes away in the middle of everything, and comes back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from fednet import limits
from fednet.errors import Conflict, FednetError, Unavailable
from fednet.storage import Collection, open_documents

NOTES = Collection("notes", indexed=("kind",), unique=("name",))
WRITERS = 4


@contextmanager
def little_patience():
    """Let a store that looks for another server give up soon; a server that is there has its time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "store_wait_seconds_max", 2.0)
        yield


@pytest.fixture
def documents(state_server):
    with closing(open_documents(state_server.new_store(), [NOTES])) as store:
        yield store


def write_until_refused(documents, writer, begun):
    """Insert one document after another; the ids of those that were confirmed, and the next one."""
    confirmed = []
    for number in range(1_000_000):
        document = {"id": f"{writer}-{number}"}
        try:
            documents.insert("notes", document)
        except Unavailable:
            return confirmed, document
        confirmed.append(document["id"])
        if number == 20:
            begun.release()
    raise AssertionError


def test_what_was_confirmed_survives_a_server_that_stops_mid_write(state_server, documents):
    """What was not may be there or not; repeated as it was, each document is there once."""
    begun = threading.Semaphore(0)
    with ThreadPoolExecutor(WRITERS) as threads:
        writing = [
            threads.submit(write_until_refused, documents, writer, begun)
            for writer in range(WRITERS)
        ]
        for _ in range(WRITERS):
            begun.acquire()
        with little_patience():
            state_server.crash()
            outcomes = [each.result() for each in writing]
    state_server.process.start()

    confirmed = {id_ for ids, _ in outcomes for id_ in ids}
    open_ids = {unsure["id"] for _, unsure in outcomes}
    found = {document["id"] for document in documents.scan("notes")}
    assert confirmed <= found <= confirmed | open_ids
    documents.insert_missing("notes", [unsure for _, unsure in outcomes])
    assert sorted(each["id"] for each in documents.scan("notes")) == sorted(confirmed | open_ids)


def test_a_batch_that_a_crash_cuts_can_be_repeated(state_server, documents):
    """Whatever part of it was written, the second time completes it."""
    batches = [[{"id": f"{batch}-{number}"} for number in range(200)] for batch in range(1000)]
    begun = threading.Event()

    def write():
        for number, batch in enumerate(batches):
            try:
                documents.insert_missing("notes", batch)
            except Unavailable:
                return number
            begun.set()
        raise AssertionError

    with ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        begun.wait()
        with little_patience():
            state_server.crash()
            cut = writing.result()
    state_server.process.start()
    documents.insert_missing("notes", batches[cut])

    expected = [document["id"] for batch in batches[: cut + 1] for document in batch]
    assert sorted(each["id"] for each in documents.scan("notes")) == sorted(expected)


def test_no_confirmed_change_is_lost_or_made_twice_by_a_crash(state_server, documents):
    """Read, decide, compare and set: whoever does so counts right through a crash."""
    documents.insert("notes", {"id": "a", "n": 0})
    begun = threading.Event()

    def count_until_refused():
        confirmed = 0
        while True:
            try:
                found = documents.get("notes", "a")
                changes = {"n": found["n"] + 1}
                documents.update("notes", "a", changes, expected_version=found["version"])
            except Unavailable:
                return confirmed
            except Conflict:
                continue
            confirmed += 1
            if confirmed == 10:
                begun.set()

    with ThreadPoolExecutor(WRITERS) as threads:
        counting = [threads.submit(count_until_refused) for _ in range(WRITERS)]
        begun.wait()
        with little_patience():
            state_server.crash()
            confirmed = sum(each.result() for each in counting)
    state_server.process.start()

    found = documents.get("notes", "a")
    assert found["version"] == found["n"] + 1
    assert confirmed <= found["n"] <= confirmed + WRITERS


def test_a_stopped_server_is_unavailable_and_not_ready(state_server, documents):
    """Every call says so, is worth a retry, and tells no secret; so does the opening."""
    documents.insert("notes", {"id": "a"})
    url = state_server.new_store()
    state_server.crash()

    calls = [
        lambda: documents.insert("notes", {"id": "b"}),
        lambda: documents.insert_missing("notes", [{"id": "b"}]),
        lambda: documents.get("notes", "a"),
        lambda: documents.find("notes"),
        lambda: documents.count("notes"),
        lambda: next(documents.scan("notes")),
        lambda: documents.update("notes", "a", {}, expected_version=1),
        lambda: documents.delete("notes", "a"),
        lambda: open_documents(url, [NOTES]),
    ]

    with little_patience(), ThreadPoolExecutor(len(calls)) as threads:
        refusals = [each.exception() for each in [threads.submit(call) for call in calls]]
        is_ready = documents.is_ready()

    assert is_ready is False
    for error in refusals:
        assert isinstance(error, Unavailable)
        assert error.retryable
        assert state_server.password not in error.message


def test_the_first_call_after_a_restart_succeeds(state_server, documents):
    """No connection of before is held against the one who asks."""
    documents.insert("notes", {"id": "a"})
    with ThreadPoolExecutor(WRITERS) as threads:  # so that several connections lie in the pool
        list(threads.map(lambda _: documents.count("notes"), range(50)))
    state_server.crash()
    state_server.process.start()

    assert documents.insert("notes", {"id": "b"})["version"] == 1
    with ThreadPoolExecutor(WRITERS) as threads:
        assert set(threads.map(lambda _: documents.count("notes"), range(50))) == {2}
    assert documents.is_ready() is True


def test_a_store_whose_server_has_stopped_is_closed_at_once(state_server):
    """A controller that stops does not wait for a server that is away, however long the driver would."""
    url = state_server.new_store()
    if url.startswith("mongodb:"):
        url += ("&" if "?" in url else "?") + "serverSelectionTimeoutMS=3600000"
    documents = open_documents(url, [NOTES])
    documents.insert("notes", {"id": "a"})
    state_server.crash()

    documents.close()

    with pytest.raises(FednetError):
        documents.get("notes", "a")
