"""What SQLite adds to the contract: files, processes and their deaths."""

import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager

import pytest
from sqlalchemy import event

from fednet import limits
from fednet.errors import FailedPrecondition, InvalidInput, Unavailable
from fednet.storage import Collection, Query, open_documents

NOTES = Collection("notes", indexed=("kind",))
OPEN = """
import sys
from fednet.errors import Conflict
from fednet.storage import Collection, open_documents
documents = open_documents(sys.argv[1], [Collection("notes", indexed=("kind",))])
"""
INCREMENT = (
    OPEN
    + """
print("ready", flush=True)
sys.stdin.readline()
for _ in range(50):
    while True:
        found = documents.get("notes", "a")
        try:
            documents.update("notes", "a", {"n": found["n"] + 1}, expected_version=found["version"])
            break
        except Conflict:
            continue
"""
)
INSERT = (
    OPEN
    + """
for number in range(1_000_000):
    documents.insert("notes", {"id": str(number)})
    print(number, flush=True)
"""
)
OPEN_AT_ONCE = "import sys; sys.stdin.readline()" + OPEN + 'documents.count("notes")'


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/state.db"


@contextmanager
def opened(url):
    with closing(open_documents(url, [NOTES])) as documents:
        yield documents


@contextmanager
def process(script, url):
    """A Python process of its own, killed at the end if it still runs."""
    command = [sys.executable, "-c", script, url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def go(running):
    running.stdin.write("go\n")
    running.stdin.flush()


def test_documents_are_there_after_reopening(url):
    """With their versions and their order."""
    with opened(url) as documents:
        documents.insert("notes", {"id": "b"})
        documents.insert("notes", {"id": "a"})
        documents.update("notes", "b", {"kind": "x"}, expected_version=1)

    with opened(url) as documents:
        assert documents.find("notes") == [
            {"id": "b", "version": 2, "kind": "x"},
            {"id": "a", "version": 1},
        ]
        assert documents.count("notes", Query(where={"kind": "x"})) == 1


def test_the_file_keeps_a_write_ahead_log(url, tmp_path):
    """So that readers and a writer do not hold each other up."""
    with opened(url), closing(sqlite3.connect(tmp_path / "state.db")) as database:
        assert database.execute("pragma journal_mode").fetchone() == ("wal",)


def test_two_openings_see_one_store(url):
    """What one writes, the other reads at once."""
    with opened(url) as one, opened(url) as other:
        one.insert("notes", {"id": "a"})

        assert other.get("notes", "a") == {"id": "a", "version": 1}


def test_no_increment_is_lost_among_processes(url):
    """Compare-and-set holds between two processes that write the same document."""
    with opened(url) as documents:
        documents.insert("notes", {"id": "a", "n": 0})
        with process(INCREMENT, url) as one, process(INCREMENT, url) as other:
            for running in (one, other):
                running.stdout.readline()
            for running in (one, other):
                go(running)
            codes = [one.wait(), other.wait()]

        assert codes == [0, 0]
        assert documents.get("notes", "a") == {"id": "a", "n": 100, "version": 101}


def test_many_processes_may_open_a_new_store_at_once(url):
    """Only one makes the tables, and none fails."""
    with ExitStack() as stack:
        processes = [stack.enter_context(process(OPEN_AT_ONCE, url)) for _ in range(4)]
        for running in processes:
            go(running)
        codes = [running.wait() for running in processes]

    assert codes == [0] * 4


def test_what_was_inserted_survives_a_kill(url):
    """Every insert that returned is there after `kill -9`."""
    with process(INSERT, url) as running:
        told = [running.stdout.readline() for _ in range(50)]
        running.kill()
        told += running.stdout.readlines()

    with opened(url) as documents:
        found = {document["id"] for document in documents.find("notes")}

    complete = {line.strip() for line in told if line.endswith("\n")}
    assert len(complete) >= 50
    assert complete <= found
    assert len(found - complete) <= 1


def test_a_store_of_a_newer_version_is_refused_and_left_alone(url, tmp_path):
    """The error says what to do, and nothing is written."""
    with opened(url):
        pass
    with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
        database.execute("update _schema set version = 999")
        database.execute("drop table notes")

    with pytest.raises(FailedPrecondition, match="upgrade") as error, opened(url):
        pass

    assert error.value.field == "state_store"
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        assert (
            database.execute("select name from sqlite_master where name='notes'").fetchall() == []
        )


def test_a_file_that_is_no_database_is_refused(url, tmp_path):
    """It is neither overwritten nor tried again."""
    (tmp_path / "state.db").write_text("something else " * 100)

    with pytest.raises(FailedPrecondition), opened(url):
        pass

    assert (tmp_path / "state.db").read_text() == "something else " * 100


def test_a_locked_database_is_unavailable(url, tmp_path, monkeypatch):
    """A writer gives up after a while, may try again, and readers are not held up."""
    monkeypatch.setattr(limits, "store_wait_seconds_max", 0.05)
    with opened(url) as documents, closing(sqlite3.connect(tmp_path / "state.db")) as database:
        database.execute("begin immediate")
        with pytest.raises(Unavailable) as error:
            documents.insert("notes", {"id": "a"})
        readable = documents.count("notes")
        database.rollback()
        documents.insert("notes", {"id": "a"})

        assert error.value.retryable
        assert readable == 0
        assert documents.count("notes") == 1


def test_a_store_that_cannot_be_reached_is_unavailable(tmp_path):
    """A folder stands where the file should be, or a file where the folder should be."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    for path in (tmp_path / "file" / "state.db", tmp_path / "folder"):
        with pytest.raises(Unavailable), opened(f"sqlite:///{path}"):
            pass


def test_a_damaged_store_is_not_ready(url, tmp_path):
    """is_ready answers False where other calls raise."""
    with opened(url) as documents, closing(sqlite3.connect(tmp_path / "state.db")) as database:
        database.execute("drop table _schema")
        database.commit()

        assert documents.is_ready() is False


@pytest.mark.parametrize("name", ["a?b=c.db", "a%20b.db", "a#b.db", "ü ':;.db"])
def test_a_path_is_taken_as_it_is(tmp_path, name):
    """No character of a path has a meaning in the URL."""
    with opened(f"sqlite:///{tmp_path}/new folder/{name}"):
        pass

    assert (tmp_path / "new folder" / name).is_file()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///state.db", "sqlite:///:memory:"])
def test_a_path_that_is_not_absolute_is_refused(url):
    """Which folder a process stands in decides nothing."""
    with pytest.raises(InvalidInput) as error, opened(url):
        pass

    assert error.value.field == "state_store"


def test_queries_use_the_indexes(url, tmp_path):
    """Filtering, sorting and getting by id do not walk through the table."""
    with opened(url):
        pass
    statements = [
        "select _body from notes where id = 'a'",
        "select _body from notes where kind in ('a', 'b')",
        "select _body from notes order by kind asc nulls first, _sequence asc limit 10",
        "select _body from notes order by kind desc nulls last, _sequence desc limit 10",
    ]
    with closing(sqlite3.connect(tmp_path / "state.db")) as database:
        plans = [
            str(database.execute(f"explain query plan {one}").fetchall()) for one in statements
        ]

    assert all("USING INDEX" in plan and "TEMP B-TREE" not in plan for plan in plans)


@pytest.mark.parametrize(
    "query",
    [
        Query(where={"kind": "a"}, descending=True, skip=10, limit=10),
        Query(sort="kind", limit=10),
        Query(sort="kind", descending=True, limit=10),
    ],
)
def test_a_page_is_chosen_in_an_index(url, query):
    """However many documents there are: by a field that it filters or sorts by, and so is its count."""
    asked = []
    with opened(url) as documents:
        event.listen(
            documents._engine,
            "before_cursor_execute",
            lambda _connection, _cursor, statement, values, *_: asked.append((statement, values)),
        )

        documents.find("notes", query)
        documents.count("notes", query)

        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            plans = [
                [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
                for statement, values in asked
            ]
    found, counted = ([step for step in plan if " notes" in step] for plan in plans)
    assert "INTEGER PRIMARY KEY" in found[0]
    assert all("COVERING INDEX" in step for step in [*found[1:], *counted])
