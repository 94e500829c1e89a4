"""A newer program brings a store up to date in place; an older one leaves it alone."""

import json
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from fednet import limits
from fednet.controller.records import COLLECTIONS
from fednet.errors import AlreadyExists, FailedPrecondition, InvalidInput
from fednet.storage import Collection, Query, _schema_version, open_documents

RELEASED = Path(__file__).parent / "released"
VERSIONS = sorted(path.stem for path in RELEASED.glob("*.json"))
NOTES = Collection("notes", indexed=("kind",))
NEWER_NOTES = Collection("notes", indexed=("kind", "size", "sender.name"))


@pytest.fixture
def released_sqlite(sqlite_url):
    """Makes a file as a released version has left it."""

    def load(version):
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
            database.executescript((RELEASED / f"{version}.sqlite.sql").read_text())
        return sqlite_url

    return load


@pytest.fixture
def released_postgresql(postgresql_server, postgresql_url):
    """Makes a schema as a released version has left it."""

    def load(version):
        with postgresql_server.connect() as connection:
            connection.execute(f"set search_path = {postgresql_url.rpartition('%3D')[2]}")
            connection.execute((RELEASED / f"{version}.postgresql.sql").read_text())
        return postgresql_url

    return load


@pytest.fixture
def released_mongodb(mongodb_url):
    """Makes a database as a released version has left it."""
    from bson import json_util
    from pymongo import MongoClient

    def load(version):
        collections = json_util.loads((RELEASED / f"{version}.mongodb.ejson").read_text())
        with MongoClient(mongodb_url) as client:
            database = client.get_default_database()
            for name, found in collections.items():
                if found["documents"]:
                    database[name].insert_many(found["documents"])
                database.command("createIndexes", name, indexes=found["indexes"])
        return mongodb_url

    return load


@contextmanager
def opened(url, *collections):
    with closing(open_documents(url, collections)) as documents:
        yield documents


@contextmanager
def opened_by_newer(url, *collections):
    """What `opened` does, in a program of the next schema version."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_schema_version, "SCHEMA_VERSION", _schema_version.SCHEMA_VERSION + 1)
        with opened(url, *collections) as documents:
            yield documents


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "mongodb"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_each_released_version_opens_and_tells_all(request, kind, version):
    """Each document is there, in today's words, and found by every field that is declared today.

    If a field has been declared since: raise SCHEMA_VERSION.
    """
    url = request.getfixturevalue(f"released_{kind}")(version)
    written = json.loads((RELEASED / f"{version}.json").read_text())

    with opened(url, *COLLECTIONS) as documents:
        for collection in COLLECTIONS:
            found = map(collection.upgraded or dict, written.get(collection.name, []))
            expected = [each | {"version": 1} for each in found]
            assert documents.find(collection.name) == expected
            for field in collection.fields:
                for document in expected:
                    value = value_at(document, field)
                    found = documents.find(collection.name, Query(where={field: value}, sort=field))
                    assert document in found
        documents.insert("sessions", {"id": "new", "name": "new"})
        assert documents.find("sessions")[-1]["id"] == "new"


def value_at(document, path):
    for name in path.split("."):
        document = (document or {}).get(name)
    return document


def test_every_released_version_is_kept():
    """At least the first one."""
    assert "0.1.0" in VERSIONS


def test_a_newly_declared_field_is_filled_from_the_documents_that_are_there(
    lasting_store_url, monkeypatch
):
    """However many there are; the next opening finds nothing more to do."""
    monkeypatch.setattr(limits, "scan_items", 3)
    with opened(lasting_store_url, NOTES) as documents:
        batch = [{"id": str(n), "size": 10 - n, "sender": {"name": f"{n % 2}"}} for n in range(8)]
        documents.insert_missing("notes", [*batch, {"id": "without"}])

    for _ in range(2):
        with opened_by_newer(lasting_store_url, NEWER_NOTES) as documents:
            by_size = [each["id"] for each in documents.find("notes", Query(sort="size"))]
            odd = documents.count("notes", Query(where={"sender.name": "1"}))

        assert by_size == ["without", "7", "6", "5", "4", "3", "2", "1", "0"]
        assert odd == 4


OLD_NOTES = Collection("notes", indexed=("kind", "author.role"), unique=("title",))


def in_new_words(note):
    """What the next version calls the fields; it may be asked twice."""
    names = {"title": "name", "author": "source"}
    return {names.get(name, name): value for name, value in note.items()}


NEW_NOTES = Collection("notes", indexed=("kind", "source.role", "name"), upgraded=in_new_words)


@pytest.fixture
def old_store_url(lasting_store_url):
    """A store with eight documents, in the words of this version."""
    batch = [{"id": str(n), "title": f"n{n}", "author": {"role": f"{n % 2}"}} for n in range(8)]
    with opened(lasting_store_url, OLD_NOTES) as documents:
        documents.insert_missing("notes", batch)
        documents.update("notes", "3", {"kind": "changed"}, expected_version=1)
    return lasting_store_url


def test_documents_of_an_older_version_are_upgraded(old_store_url, monkeypatch):
    """Each of them, in their order and with their versions; what is declared no more is in nobody's way."""
    monkeypatch.setattr(limits, "scan_items", 3)

    for _ in range(2):
        with opened_by_newer(old_store_url, NEW_NOTES) as documents:
            found = documents.find("notes", Query(where={"source.role": "1"}))
            changed = documents.get("notes", "3")

        assert [each["name"] for each in found] == ["n1", "n3", "n5", "n7"]
        assert changed == {
            "id": "3",
            "name": "n3",
            "source": {"role": "1"},
            "kind": "changed",
            "version": 2,
        }
    with opened_by_newer(old_store_url, NEW_NOTES) as documents:
        documents.insert_missing("notes", [{"id": "8", "name": "n0"}, {"id": "9", "name": "n0"}])
        documents.update("notes", "3", {"kind": "again"}, expected_version=2)
        assert documents.count("notes") == 10


def test_an_upgrade_that_breaks_off_is_done_again(old_store_url, monkeypatch):
    """Whatever of it has happened before."""
    monkeypatch.setattr(limits, "scan_items", 2)
    left = iter(range(5))

    def breaking(note):
        if next(left, None) is None:
            raise RuntimeError("killed")
        return in_new_words(note)

    broken = Collection("notes", NEW_NOTES.indexed, upgraded=breaking)
    with pytest.raises(RuntimeError, match="killed"), opened_by_newer(old_store_url, broken):
        pass

    with opened_by_newer(old_store_url, NEW_NOTES) as documents:
        names = [each["name"] for each in documents.find("notes", Query(sort="name"))]
    assert names == [f"n{number}" for number in range(8)]


def test_an_older_program_refuses_an_upgraded_store(lasting_store_url):
    """It would write documents that the newer one does not find."""
    with opened(lasting_store_url, NOTES):
        pass
    with opened_by_newer(lasting_store_url, NEWER_NOTES):
        pass

    with (
        pytest.raises(FailedPrecondition, match="upgrade") as error,
        opened(lasting_store_url, NOTES),
    ):
        pass

    assert error.value.field == "state_store"


@pytest.mark.parametrize(
    ("collection", "error"),
    [
        (Collection("notes", indexed=("kind", "list")), InvalidInput),
        (Collection("notes", indexed=("kind",), unique=("same",)), AlreadyExists),
    ],
)
def test_an_upgrade_that_cannot_be_made_leaves_the_store_as_it_was(
    lasting_store_url, collection, error
):
    """All of it happens or nothing: the older program goes on with the store."""
    with opened(lasting_store_url, NOTES) as documents:
        documents.insert("notes", {"id": "a", "list": [], "same": 1})
        documents.insert("notes", {"id": "b", "list": [], "same": 1})
    with pytest.raises(error), opened_by_newer(lasting_store_url, collection):
        pass

    with opened(lasting_store_url, NOTES) as documents:
        assert documents.insert("notes", {"id": "c"})["version"] == 1
        assert documents.count("notes") == 3
