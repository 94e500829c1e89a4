"""What MongoDB adds to the contract: the order of its clock, lost answers, failovers, indexes, its URL."""

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import pymongo
import pytest
from pymongo.errors import BulkWriteError, WriteError

from fednet import limits
from fednet.errors import (
    AlreadyExists,
    Conflict,
    FailedPrecondition,
    InvalidInput,
    LimitExceeded,
    Unavailable,
)
from fednet.storage import Collection, Query, _schema_version, open_documents
from fednet.testing import FaultProxy

NOTES = Collection("notes", indexed=("kind", "sender.name"), unique=("name",))
SECONDS = 200
WRITERS = 4


@contextmanager
def opened(url, *collections):
    with closing(open_documents(url, collections or [NOTES])) as documents:
        yield documents


@contextmanager
def behind(url):
    """The database itself."""
    with pymongo.MongoClient(url) as client:
        yield client.get_default_database()


@contextmanager
def profiled(url):
    """What the server was told while the block ran, once it has ended."""
    asked = []
    with behind(url) as database:
        database.command("profile", 2)
        yield asked
        database.command("profile", 0)
        asked += database["system.profile"].find({"ns": {"$regex": "notes$"}})


def ids(found):
    return [document["id"] for document in found]


# The order of insertion


def test_the_order_of_insertion_holds_between_those_who_insert(mongodb_url):
    """The server counts, not whoever opens it."""
    with opened(mongodb_url) as one, opened(mongodb_url) as other:
        for number in range(20):
            (one, other)[number % 2].insert("notes", {"id": str(number)})

        assert ids(one.find("notes")) == [str(number) for number in range(20)]
        assert ids(other.find("notes", Query(descending=True, limit=2))) == ["19", "18"]


def test_the_order_of_insertion_holds_through_a_failover(mongodb_replica_set):
    """The new primary counts on from the old one."""
    with opened(mongodb_replica_set.new_store()) as documents:
        documents.insert("notes", {"id": "b"})
        mongodb_replica_set.step_down()
        documents.insert("notes", {"id": "a"})

        assert ids(documents.find("notes")) == ["b", "a"]


# Faults


@pytest.fixture
def lossy(mongodb_server):
    """A store whose server can be reached through a proxy alone, and the proxy."""
    url = mongodb_server.new_store()
    place = f"127.0.0.1:{mongodb_server.port}"
    with FaultProxy(place) as proxy, opened(url.replace(place, proxy.address)) as documents:
        yield documents, proxy, url


def lose_the_answer(lossy, write, kind):
    """Let a write reach the server, and its answer nobody; what it returned all the same."""
    _, proxy, url = lossy
    with next_write(url, kind) as is_done, ThreadPoolExecutor(1) as threads:
        writing = threads.submit(write)
        is_done()
        proxy.cut()
        proxy.restore()
        return writing.result()


@contextmanager
def next_write(url, kind):
    """What comes back once the server has made a write of this kind: it tells what it does as it does it."""
    with behind(url) as database:
        database.command("profile", 2)
        database[
            "notes"
        ].find_one()  # the first thing that it tells; before, there is nothing to follow
        following = (
            database["system.profile"]
            .find(
                {"op": kind, "ns": f"{database.name}.notes"},
                cursor_type=pymongo.CursorType.TAILABLE_AWAIT,
            )
            .max_await_time_ms(1000 * SECONDS)
        )
        assert not list(following)  # that was all until now: from here on it waits
        yield following.next
        following.close()
        database.command("profile", 0)


def test_an_insert_whose_answer_is_lost_is_recognised(lossy):
    """It does not find its own id taken."""
    documents, proxy, _ = lossy
    expected = {"id": "a", "version": 1}

    def insert():
        proxy.stall(up=False)
        return documents.insert("notes", {"id": "a"})

    assert lose_the_answer(lossy, insert, "insert") == expected


def test_an_update_whose_answer_is_lost_is_recognised(lossy, monkeypatch):
    """It does not take its own change for somebody else's."""
    documents, proxy, _ = lossy
    expected = {"id": "a", "version": 2, "n": 1}
    documents.insert("notes", {"id": "a"})
    get = documents.get

    def get_and_stall(collection, id):  # noqa: A002
        found = get(collection, id)
        proxy.stall(up=False)
        return found

    monkeypatch.setattr(documents, "get", get_and_stall)

    def update():
        return documents.update("notes", "a", {"n": 1}, expected_version=1)

    assert lose_the_answer(lossy, update, "update") == expected


def test_a_lost_write_is_unavailable_and_may_be_repeated(lossy, monkeypatch):
    """What never reached the server was not written, and nobody says that it was."""
    documents, proxy, _ = lossy
    monkeypatch.setattr(limits, "store_wait_seconds_max", 0.5)
    proxy.refuse()
    with pytest.raises(Unavailable):
        documents.insert("notes", {"id": "a"})
    monkeypatch.undo()
    proxy.restore()

    assert documents.insert("notes", {"id": "a"})["version"] == 1


class Writing:
    """Threads that insert and count without an end; what they were told, and what surprised them."""

    def __init__(self, documents):
        self.documents = documents
        self.told = queue.Queue()
        self.inserted, self.counted, self.unsure, self.surprises = [], 0, 0, []
        self._stop = threading.Event()
        self._lock = threading.Lock()

    @contextmanager
    def going_on(self):
        """In the background, as long as the block lasts."""
        with ThreadPoolExecutor(WRITERS) as threads:
            writing = [threads.submit(self._write, writer) for writer in range(WRITERS)]
            yield
            self._stop.set()
        for each in writing:
            each.result()

    def wait_for(self, count):
        """Return when so many more inserts have been confirmed."""
        for _ in range(count):
            self.told.get(timeout=SECONDS)

    def _write(self, writer):
        number = 0
        while not self._stop.is_set():
            self._insert(f"{writer}-{number}")
            self._count()
            number += 1

    def _insert(self, id_):
        repeated = False
        while True:
            try:
                self.documents.insert("notes", {"id": id_})
            except Unavailable:
                repeated = True
                continue
            except AlreadyExists as error:
                if not repeated:
                    self.surprises.append(error)
            self.inserted.append(id_)
            self.told.put(id_)
            return

    def _count(self):
        try:
            found = self.documents.get("notes", "counter")
        except Unavailable:
            return
        changes = {"n": found["n"] + 1}
        try:
            self.documents.update("notes", "counter", changes, expected_version=found["version"])
        except Conflict:
            return
        except Unavailable:
            with self._lock:
                self.unsure += 1
            return
        with self._lock:
            self.counted += 1


@pytest.mark.parametrize("fault", ["kill", "step down"])
def test_writes_go_on_through_a_failover(mongodb_replica_set, fault):
    """Nothing that was confirmed is lost, nothing is there twice, and nobody meets their own write."""
    with opened(mongodb_replica_set.new_store()) as documents:
        documents.insert("notes", {"id": "counter", "n": 0})
        writing = Writing(documents)
        with writing.going_on():
            writing.wait_for(50)
            if fault == "kill":
                mongodb_replica_set.primary().crash()
            else:
                mongodb_replica_set.step_down()
            writing.wait_for(50)

        found = ids(documents.scan("notes"))
        counter = documents.get("notes", "counter")
        assert writing.surprises == []
        assert sorted(found) == sorted(["counter", *writing.inserted])
        assert writing.counted <= counter["n"] <= writing.counted + writing.unsure
        assert counter["version"] == counter["n"] + 1


@pytest.mark.parametrize(
    "error",
    [
        WriteError("Not primary", 189, {"code": 189}),
        BulkWriteError({"writeErrors": [{"code": 10107}], "writeConcernErrors": []}),
    ],
)
def test_a_primary_that_steps_down_within_a_write_is_worth_another_try(mongodb_url, error):
    """The driver repeats what is refused as a whole, and passes on what is refused of one write."""
    with opened(mongodb_url) as documents, pytest.raises(Unavailable), documents.reached():
        raise error


def test_without_a_majority_nothing_is_confirmed(mongodb_replica_set, monkeypatch):
    """A primary that is alone steps down; until then it may not say that anything is safe."""
    with opened(mongodb_replica_set.new_store()) as documents:
        documents.insert("notes", {"id": "a"})
        primary = mongodb_replica_set.primary()
        for server in mongodb_replica_set.servers:
            if server is not primary:
                server.crash()
        monkeypatch.setattr(limits, "store_wait_seconds_max", 1.0)
        with pytest.raises(Unavailable):
            documents.insert("notes", {"id": "b"})
        with pytest.raises(Unavailable):
            documents.insert_missing("notes", [{"id": "c"}])


# Promises


def test_every_write_is_on_the_disks_of_a_majority_and_every_read_of_it(mongodb_url):
    """Whatever the URL says."""
    weak = f"{mongodb_url}&w=0&journal=false&readConcernLevel=local&readPreference=secondary"
    with opened(weak) as documents, profiled(mongodb_url) as asked:
        documents.insert("notes", {"id": "a"})
        documents.insert_missing("notes", [{"id": "b"}])
        documents.update("notes", "a", {"n": 1}, expected_version=1)
        documents.find("notes")
        documents.count("notes")
        documents.delete("notes", "a")

    commands = [each["command"] for each in asked if each["op"] != "update"]
    writes = [command for command in commands if "insert" in command]
    reads = [command for command in commands if "find" in command or "aggregate" in command]
    assert len(writes) == 2
    assert len(reads) == 3
    assert all(each["writeConcern"] == {"w": "majority", "j": True} for each in writes)
    assert all(each["readConcern"] == {"level": "majority"} for each in reads)


@pytest.mark.parametrize(
    "query",
    [
        Query(descending=True, limit=10),
        Query(where={"name": "5"}),
        Query(where={"kind": "a"}, descending=True, skip=10, limit=10),
        Query(where={"kind": ["a", None]}, limit=10),
        Query(sort="id", limit=10),
        Query(sort="sender.name", limit=10),
        Query(sort="kind", descending=True, limit=10),
    ],
)
def test_a_page_is_found_in_an_index(mongodb_url, query):
    """However many documents there are, as many are read as are asked for, and none is sorted."""
    with opened(mongodb_url) as documents:
        documents.insert_missing(
            "notes",
            [
                {"id": str(number), "name": str(number), "kind": "ab"[number % 2]}
                for number in range(200)
            ],
        )
        with profiled(mongodb_url) as asked:
            documents.find("notes", query)

    (found,) = asked
    assert found["docsExamined"] <= query.skip + (query.limit or 1)
    assert "IXSCAN" in found["planSummary"]
    assert "hasSortStage" not in found


def test_a_document_as_large_as_the_limit_allows_is_stored(mongodb_url):
    """Together with keys as long as they may be."""
    longest = "日" * limits.indexed_characters_max
    document = {"id": longest, "name": longest, "kind": longest, "text": ""}
    with opened(mongodb_url) as documents:
        spent = len(str(documents.insert("notes", document))) + 6 * 3 * len(longest)
        text = "x" * (limits.document_bytes_max - spent)
        changed = documents.update("notes", longest, {"text": text}, expected_version=1)

        assert changed["text"] == text
        assert documents.get("notes", longest) == changed
        with pytest.raises(LimitExceeded):
            documents.insert("notes", {"id": "a", "text": "x" * limits.document_bytes_max})


def test_a_question_larger_than_the_server_takes_is_refused(mongodb_url):
    """Each value within its limit, all of them within theirs, and yet too much at once."""
    many = [f"{number:0512}".replace("0", "🤖") for number in range(limits.query_items_max)]
    with opened(mongodb_url) as documents, pytest.raises(LimitExceeded):
        documents.find("notes", Query(where={"kind": many}))


# Schema versions


def test_many_may_open_a_new_store_at_once(mongodb_url):
    """All make the same indexes, and none fails."""
    with ThreadPoolExecutor(WRITERS) as threads, ExitStack() as stack:
        stores = threads.map(lambda _: open_documents(mongodb_url, [NOTES]), range(WRITERS))
        ready = [stack.enter_context(closing(store)).is_ready() for store in stores]

    with behind(mongodb_url) as database:
        schema = list(database["_schema"].find({}, {"_id": 0}))
    assert ready == [True] * WRITERS
    assert schema == [{"version": _schema_version.SCHEMA_VERSION}]


def test_a_store_of_a_newer_version_is_refused_and_left_alone(mongodb_url):
    """The error says what to do, and nothing is written."""
    with behind(mongodb_url) as database:
        database["_schema"].insert_one({"_id": "schema", "version": 999})

        with pytest.raises(FailedPrecondition, match="upgrade") as error, opened(mongodb_url):
            pass

        assert error.value.field == "state_store"
        assert database.list_collection_names() == ["_schema"]


def test_a_store_without_its_schema_is_not_ready(mongodb_url):
    """is_ready answers False where nothing was prepared."""
    with opened(mongodb_url) as documents, behind(mongodb_url) as database:
        database["_schema"].drop()

        assert documents.is_ready() is False


# The URL


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://",
        "mongodb://fednet:se:cret@host/name",
        "mongodb://fednet:se/cret@host/name",
        "mongodb://fednet:secret@host:99999/name",
        "mongodb://fednet:secret@host/a b",
        "mongodb://fednet:secret@host/name?tls=perhaps",
        "mongodb://fednet:secret@host/name?tsl=true",
        "mongodb+srv://fednet:secret@host.invalid/name",
    ],
)
def test_a_url_that_leads_nowhere_is_refused_without_its_password(url):
    """The error names the setting and says what a URL looks like."""
    with pytest.raises(InvalidInput) as error, opened(url):
        pass

    assert error.value.field == "state_store"
    assert "cret" not in error.value.message


def test_a_wrong_password_is_refused_and_not_told(mongodb_url, mongodb_server):
    """Asking again would not help."""
    wrong = mongodb_url.replace("fednet:", "fednet:secret")

    with pytest.raises(FailedPrecondition, match="Authentication failed") as error, opened(wrong):
        pass

    assert error.value.field == "state_store"
    assert "secret" not in error.value.message
    assert mongodb_server.password not in error.value.message


def test_without_a_name_the_database_is_fednet(mongodb_url, mongodb_server):
    """As in MongoDB's own URLs, the path names it."""
    start, _, options = mongodb_url.partition(f"{mongodb_server.port}/")
    unnamed = f"{start}{mongodb_server.port}/?{options.partition('?')[2]}"

    with opened(unnamed), pymongo.MongoClient(mongodb_url) as client:
        assert "notes" in client["fednet"].list_collection_names()
        client.drop_database("fednet")
