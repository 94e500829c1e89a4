"""What PostgreSQL adds to the contract: a server, its addresses, its locks and its indexes."""

import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager

import psycopg
import pytest
from sqlalchemy import event

from fednet import limits
from fednet.errors import FailedPrecondition, InvalidInput, Unavailable
from fednet.storage import Collection, Query, open_documents

NOTES = Collection("notes", indexed=("kind",))
OPEN_AT_ONCE = """
import sys
from fednet.storage import Collection, open_documents
sys.stdin.readline()
open_documents(sys.argv[1], [Collection("notes", indexed=("kind",))]).count("notes")
"""


@contextmanager
def opened(url):
    with closing(open_documents(url, [NOTES])) as documents:
        yield documents


@contextmanager
def behind(documents):
    """A connection of psycopg's own, to the same place."""
    url = documents._engine.url
    options = dict(url.query)
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password,
        dbname=url.database, **options,
    ) as connection:  # fmt: skip
        yield connection


def test_documents_are_there_after_reopening(postgresql_url):
    """With their versions and their order."""
    with opened(postgresql_url) as documents:
        documents.insert("notes", {"id": "b"})
        documents.insert("notes", {"id": "a"})
        documents.update("notes", "b", {"kind": "x"}, expected_version=1)

    with opened(postgresql_url) as documents:
        assert documents.find("notes") == [
            {"id": "b", "version": 2, "kind": "x"},
            {"id": "a", "version": 1},
        ]
        assert documents.count("notes", Query(where={"kind": "x"})) == 1


def test_two_openings_see_one_store(postgresql_url):
    """What one writes, the other reads at once, under either name of the scheme."""
    other_name = postgresql_url.replace("postgresql+psycopg://", "postgresql://")
    with opened(postgresql_url) as one, opened(other_name) as other:
        one.insert("notes", {"id": "a"})

        assert other.get("notes", "a") == {"id": "a", "version": 1}


def test_many_processes_may_open_a_new_store_at_once(postgresql_url):
    """Only one makes the tables, and none fails."""
    command = [sys.executable, "-c", OPEN_AT_ONCE, postgresql_url]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE)) for _ in range(4)
        ]
        for running in processes:
            running.stdin.write(b"go\n")
            running.stdin.flush()
        codes = [running.wait() for running in processes]

    assert codes == [0] * 4


def test_a_store_of_a_newer_version_is_refused_and_left_alone(postgresql_url):
    """The error says what to do, and nothing is written."""
    with opened(postgresql_url) as documents, behind(documents) as connection:
        connection.execute("update _schema set version = 999")
        connection.execute("drop table notes")
        connection.commit()

        with pytest.raises(FailedPrecondition, match="upgrade") as error, opened(postgresql_url):
            pass

        assert error.value.field == "state_store"
        assert connection.execute("select to_regclass('notes')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("replaced", "by"),
    [("p%40ss", "wrong%40pass"), ("/postgres?", "/absent?"), ("127.0.0.1", "host.invalid")],
)
def test_what_cannot_be_reached_is_unavailable_and_no_secret_is_told(postgresql_url, replaced, by):
    """A wrong password, an absent database, an unknown host: the error tells them apart."""
    assert replaced in postgresql_url

    with pytest.raises(Unavailable) as error, opened(postgresql_url.replace(replaced, by)):
        pass

    assert "w:rd" not in error.value.message
    assert "ss/w" not in error.value.message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2@host:port/database",
        "postgresql+psycopg://user:hunter2@[::1/database?x",
        "postgresql://user:hunter2@host:5432:99/x",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(url):
    """The error shows how an address is written."""
    with pytest.raises(InvalidInput, match="%40") as error, opened(url):
        pass

    assert error.value.field == "state_store"
    assert "hunter2" not in error.value.message
    assert error.value.__cause__ is None


def test_an_unknown_parameter_is_refused_without_its_value(postgresql_url):
    """What libpq does not know is named; the value may be a secret."""
    with pytest.raises(FailedPrecondition, match="passwort") as error:
        open_documents(f"{postgresql_url}&passwort=hunter2", [NOTES])

    assert "hunter2" not in error.value.message


def test_missing_rights_are_named_in_one_line(postgresql_server):
    """As PostgreSQL's default has it: whoever is not the owner may make no table."""
    with postgresql_server.connect() as connection:
        connection.execute("create role weak login password 'weak'")
    url = f"postgresql://weak:weak@127.0.0.1:{postgresql_server.port}/postgres"

    with pytest.raises(FailedPrecondition, match=r"permission denied.* rights") as error:
        open_documents(url, [NOTES])

    assert "\n" not in error.value.message


def test_parameters_of_the_url_pass_through(postgresql_url):
    """As those for TLS: a server that has none is refused by who insists on it."""
    with pytest.raises(Unavailable, match="SSL"), opened(f"{postgresql_url}&sslmode=require"):
        pass
    with (
        opened(f"{postgresql_url}&application_name=site-1") as documents,
        documents.connection() as connection,
    ):
        named = connection.exec_driver_sql("show application_name").scalar()

    assert named == "site-1"


def test_a_database_that_cannot_hold_every_name_is_refused(postgresql_server):
    """The encoding is looked at before anything is written."""
    with postgresql_server.connect() as connection:
        connection.execute(
            "create database latin encoding 'LATIN1' locale 'C' locale_provider libc "
            "template template0"
        )

    with (
        pytest.raises(FailedPrecondition, match="UTF8"),
        opened(postgresql_server.url("latin")),
    ):
        pass


def test_a_locked_table_is_unavailable_after_a_while(postgresql_url, monkeypatch):
    """A writer gives up and may try again, and so does a reader of what takes too long."""
    monkeypatch.setattr(limits, "store_wait_seconds_max", 0.05)
    with opened(postgresql_url) as documents, behind(documents) as connection:
        connection.execute("lock table notes in exclusive mode")
        with pytest.raises(Unavailable, match="lock") as error:
            documents.insert("notes", {"id": "a"})
        readable = documents.count("notes")
        connection.rollback()
        documents.insert("notes", {"id": "a"})

        assert error.value.retryable
        assert readable == 0
        assert documents.count("notes") == 1


def test_a_statement_that_takes_too_long_is_unavailable(postgresql_url, monkeypatch):
    """The server ends it, and the connection serves the next."""
    monkeypatch.setattr(limits, "store_statement_seconds_max", 1.0)
    with opened(postgresql_url) as documents:
        with pytest.raises(Unavailable, match="timeout"), documents.connection() as connection:
            connection.exec_driver_sql("select pg_sleep(30)")

        assert documents.is_ready() is True


def test_a_server_that_takes_no_writes_is_unavailable(postgresql_url):
    """As a replica is until a fail-over has ended: worth a retry, and readable meanwhile."""
    with opened(postgresql_url) as documents:
        with documents.connection() as connection:
            connection.exec_driver_sql("set default_transaction_read_only = on")
        with pytest.raises(Unavailable, match="read-only"):
            documents.insert("notes", {"id": "a"})

        assert documents.count("notes") == 0


def test_a_damaged_store_is_not_ready(postgresql_url):
    """is_ready answers False where other calls raise."""
    with opened(postgresql_url) as documents, behind(documents) as connection:
        connection.execute("drop table _schema")
        connection.commit()

        assert documents.is_ready() is False


@pytest.mark.parametrize(
    "query",
    [
        Query(where={"kind": "a"}, limit=10),
        Query(where={"kind": "a"}, descending=True, skip=10, limit=10),
        Query(sort="kind", limit=10),
        Query(sort="kind", descending=True, limit=10),
    ],
)
def test_a_page_is_walked_along_an_index(postgresql_url, query):
    """In either order: nothing is sorted but the page itself, and no body is read for nothing."""
    asked = []
    with opened(postgresql_url) as documents:
        documents.insert_missing(
            "notes", [{"id": str(number), "kind": f"{number % 50}"} for number in range(2000)]
        )
        event.listen(
            documents._engine,
            "before_cursor_execute",
            lambda _connection, _cursor, statement, values, *_: asked.append((statement, values)),
        )
        documents.find("notes", query)
        with behind(documents) as connection:
            connection.execute("analyze notes")
            connection.execute("set enable_seqscan = off")
            ((statement, values),) = asked
            plan = "\n".join(
                line for (line,) in connection.execute(f"explain {statement}", values).fetchall()
            )

    page = plan[plan.index("Limit") :]
    assert "Sort" not in page
    assert "ix_notes_kind" in page
