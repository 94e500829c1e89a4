"""The form of documents in MongoDB: one collection for each of ours, and one for the schema's version.

A document there has

    _id         the key of its id
    _sequence   the server's timestamp of the insert, unique to each operation: the order of insertion, without a
                counter for which all writers wait
    _write      the id of the write, by which a write whose answer was lost is recognised
    version     as in the document
    keys        the keys (see `_rows`) of the declared fields that are not None
    body        the document as JSON
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bson import ObjectId, Timestamp
from pymongo import ASCENDING, IndexModel, UpdateOne
from pymongo.errors import DuplicateKeyError

from fednet import limits
from fednet.storage import _schema_version
from fednet.storage._rows import Key, Row, already_exists, upgraded_row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pymongo.database import Database

    from fednet.storage._documents import Collection

Stored: TypeAlias = dict[str, Any]

SEQUENCE: Final = "_sequence"
_set_by_the_server: Final = Timestamp(0, 0)  # the server replaces an empty timestamp by its own


def new_document(row: Row) -> Stored:
    """Return the document to insert for a row."""
    return {"_id": row.keys["id"], SEQUENCE: _set_by_the_server, **changed_values(row)}


def changed_values(row: Row) -> Stored:
    """Return the fields that an update replaces, with a new id of the write."""
    write = {"_write": ObjectId(), "version": row.version}
    return {**write, "keys": _present(row.keys), "body": row.body}


def path_of(field: str) -> str:
    """Return the path of a field's key; names hold no double underscore, so no two fields share a path."""
    return "_id" if field == "id" else f"keys.{_name(field)}"


def taken_field(collection: Collection, refusal: Mapping[str, Any] | None) -> str | None:
    """Return the field whose value is taken, from the server's message about a duplicate key."""
    taken = (refusal or {}).get("keyPattern", {})
    return next((field for field in collection.fields if path_of(field) in taken), None)


def version_of(database: Database[Stored]) -> int | None:
    """Return the schema version of the database; None before the first preparation."""
    found = database["_schema"].find_one()
    return None if found is None else int(found["version"])


def prepare(database: Database[Stored], collections: Sequence[Collection]) -> None:
    """Create missing indexes, and upgrade the documents of an older version.

    Each step may be repeated, also by several processes at once. The version is written last: whoever opens the
    database after a preparation that broke off goes on with it.

    Raises:
        InvalidInput: A newly declared field is not a scalar in a document.
        AlreadyExists: A field that is newly declared as unique has a value twice.
    """
    found = version_of(database)
    for collection in collections:
        if found is not None and found < _schema_version.SCHEMA_VERSION:
            _drop_indexes(database, collection)
            _bring_up_to_date(database, collection)
        try:
            database[collection.name].create_indexes(_indexes(collection))
        except DuplicateKeyError as error:
            raise already_exists(collection, taken_field(collection, error.details)) from error
    _keep_version(database)


def _keep_version(database: Database[Stored]) -> None:
    version = {"version": _schema_version.SCHEMA_VERSION}
    with suppress(DuplicateKeyError):
        database["_schema"].insert_one({"_id": "schema", **version})
    database["_schema"].update_one({"_id": "schema"}, {"$max": version})


def _bring_up_to_date(database: Database[Stored], collection: Collection) -> None:
    """Upgrade all documents and compute their keys; skip those that another process changes meanwhile."""
    stored = database[collection.name]
    changes = []
    for each in stored.find({}, ["version", "body"], batch_size=limits.scan_items):
        row = upgraded_row(collection, each["body"])
        unchanged = {"_id": each["_id"], "version": each["version"]}
        new = {"keys": _present(row.keys), "body": row.body}
        changes.append(UpdateOne(unchanged, {"$set": new}))
        if len(changes) == limits.scan_items:
            stored.bulk_write(changes, ordered=False)
            changes.clear()
    if changes:
        stored.bulk_write(changes, ordered=False)


def _drop_indexes(database: Database[Stored], collection: Collection) -> None:
    """Drop the indexes of fields that are declared no more; a unique one would refuse upgraded documents."""
    stored = database[collection.name]
    declared = {SEQUENCE, "_id", *(path_of(field) for field in collection.fields)}
    for name, index in stored.index_information().items():
        if not {path for path, _ in index["key"]} <= declared:
            stored.drop_index(name)


def _indexes(collection: Collection) -> list[IndexModel]:
    """Return the indexes of a collection; each serves a filter or a sort together with the order of insertion.

    A unique index is sparse: it leaves out documents in which the field is None.
    """
    declared = [path_of(field) for field in collection.fields if field != "id"]
    ordered = [[SEQUENCE], *([path, SEQUENCE] for path in declared)]
    unique = [path_of(field) for field in collection.unique]
    return [
        *(IndexModel([(path, ASCENDING) for path in paths]) for paths in ordered),
        *(IndexModel([(path, ASCENDING)], unique=True, sparse=True) for path in unique),
    ]


def _present(keys: Mapping[str, Key]) -> dict[str, Key]:
    """Return the keys that are not None; MongoDB treats an absent key as None."""
    return {_name(field): key for field, key in keys.items() if field != "id" and key is not None}


def _name(field: str) -> str:
    return field.replace(".", "__")
