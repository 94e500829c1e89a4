"""Documents in MongoDB, in the form that `_mongo_schema` gives them."""
# ruff: noqa: A002  # a document's key is called `id` wherever fednet speaks of it

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pymongo
from bson import Timestamp
from pymongo import errors as mongo_errors

from fednet import limits
from fednet.errors import (
    FailedPrecondition,
    FednetError,
    InvalidInput,
    LimitExceeded,
    Unavailable,
)
from fednet.storage._documents import EVERYTHING, Collection, Document, Query
from fednet.storage._mongo_schema import (
    SEQUENCE,
    Stored,
    changed_values,
    new_document,
    path_of,
    taken_field,
    version_of,
)
from fednet.storage._rows import (
    Key,
    already_exists,
    changed_row,
    conflict,
    id_key,
    new_row,
    not_found,
    read,
    wanted_keys,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bson import ObjectId
    from pymongo.collection import Collection as MongoCollection
    from pymongo.database import Database

_duplicate_key: Final = 11000
_not_primary: Final = frozenset({91, 189, 10107, 11600, 11602, 13435, 13436})
"""Codes of a server that is no longer the primary, or about to stop; see MongoDB's server discovery."""


class MongoDocuments:
    """Documents in a MongoDB database.

    Args:
        database: The database with its read and write concerns; `close` closes its client.
        collections: The collections of the database.
        store: The address of the database, without secrets.
    """

    def __init__(
        self, database: Database[Stored], collections: Sequence[Collection], store: str
    ) -> None:
        self._database = database
        self._collections = {collection.name: collection for collection in collections}
        self._store = store

    def insert(self, collection: str, document: Document) -> Document:
        """See `Documents.insert`."""
        kind, stored = self._collection(collection)
        row = new_row(kind, document)
        new = new_document(row)
        with self.reached(), self._written(kind, new["_id"], new["_write"]):
            stored.insert_one(new)
        return row.document

    def insert_missing(self, collection: str, documents: Sequence[Document]) -> None:
        """See `Documents.insert_missing`."""
        kind, stored = self._collection(collection)
        rows = [new_row(kind, document) for document in documents]
        if not rows:
            return
        with self.reached():
            try:
                stored.insert_many([new_document(row) for row in rows], ordered=False)
            except mongo_errors.BulkWriteError as error:
                _pass_over_taken_ids(kind, error)

    def get(self, collection: str, id: str) -> Document | None:
        """See `Documents.get`."""
        _, stored = self._collection(collection)
        with self.reached():
            found = stored.find_one({"_id": id_key(id)}, ["body"])
        return None if found is None else read(found["body"])

    def find(self, collection: str, query: Query = EVERYTHING) -> list[Document]:
        """See `Documents.find`."""
        kind, stored = self._collection(collection)
        matching = _matches(wanted_keys(kind, query))
        if query.limit == 0:  # MongoDB takes 0 as no limit
            return []
        with self.reached():
            found = stored.find(matching, ["body"], sort=_order(query), allow_disk_use=True)
            page = found.skip(query.skip).limit(query.limit or 0)
            return [read(each["body"]) for each in page]

    def scan(self, collection: str) -> Iterator[Document]:
        """See `Documents.scan`."""
        _, stored = self._collection(collection)
        return self._scan(stored)

    def _scan(self, stored: MongoCollection[Stored]) -> Iterator[Document]:
        page: list[Stored] = []
        while page := self._page_after(page, stored):
            yield from (read(each["body"]) for each in page)

    def _page_after(self, page: list[Stored], stored: MongoCollection[Stored]) -> list[Stored]:
        """Read the next page with a query of its own: a cursor would have one time limit for all pages.

        A single server may give a timestamp twice after a crash.
        """
        last = page[-1][SEQUENCE] if page else Timestamp(0, 0)
        known = [each["_id"] for each in page if each[SEQUENCE] == last]
        beyond = {SEQUENCE: {"$gte": last}, "_id": {"$nin": known}}
        with self.reached():
            found = stored.find(beyond, ["body", SEQUENCE], sort=[(SEQUENCE, pymongo.ASCENDING)])
            return list(found.limit(limits.scan_items))

    def count(self, collection: str, query: Query = EVERYTHING) -> int:
        """See `Documents.count`."""
        kind, stored = self._collection(collection)
        matching = _matches(wanted_keys(kind, query))
        with self.reached():
            return stored.count_documents(matching)

    def update(
        self,
        collection: str,
        id: str,
        changes: Mapping[str, Any],
        *,
        expected_version: int,
        known: Document | None = None,
    ) -> Document:
        """See `Documents.update`."""
        kind, stored = self._collection(collection)
        current = known or self.get(collection, id)
        row = changed_row(kind, current, id, changes, expected_version)
        values = changed_values(row)
        unchanged = {"_id": row.keys["id"], "version": expected_version}
        with self.reached(), self._written(kind, row.keys["id"], values["_write"]):
            if not stored.update_one(unchanged, {"$set": values}).matched_count:
                raise conflict(kind, id) if self.get(collection, id) else not_found(kind, id)
        return row.document

    def delete(self, collection: str, id: str) -> bool:
        """See `Documents.delete`."""
        _, stored = self._collection(collection)
        with self.reached():
            return stored.delete_one({"_id": id_key(id)}).deleted_count == 1

    def is_ready(self) -> bool:
        """See `Documents.is_ready`."""
        try:
            with self.reached():
                return version_of(self._database) is not None
        except FednetError:
            return False

    def close(self) -> None:
        """See `Documents.close`; the driver may find no server to take leave of."""
        with pymongo.timeout(limits.store_close_seconds_max):
            self._database.client.close()

    @contextmanager
    def reached(self, seconds: float | None = None) -> Iterator[Database[Stored]]:
        """Give the database for operations with a time limit, and map its errors to ours.

        Args:
            seconds: The time limit of all operations together; by default that of one call.

        Raises:
            LimitExceeded: A document is larger than the server takes.
            Unavailable: The server, its primary or a majority does not answer in time.
            FailedPrecondition: The server refuses.
        """
        try:
            with pymongo.timeout(seconds or limits.store_wait_seconds_max):
                yield self._database
        except mongo_errors.DocumentTooLarge as error:
            raise LimitExceeded("The document is larger than MongoDB takes: 16 MiB.") from error
        except mongo_errors.PyMongoError as error:
            if _is_passing(error):
                raise Unavailable(f"The state store does not answer: {_words(error)}.") from error
            raise FailedPrecondition(
                f"Cannot use the state store {self._store}: {_words(error)}.",
                field="state_store",
            ) from error

    @contextmanager
    def _written(self, kind: Collection, key: Key, write: ObjectId) -> Iterator[None]:
        """Perform one write; if only its answer was lost, succeed.

        The driver repeats a write on a replica set, which recognises it. A single server does not.
        """
        try:
            yield
        except mongo_errors.DuplicateKeyError as error:
            raise already_exists(kind, taken_field(kind, error.details)) from error
        except mongo_errors.AutoReconnect:
            if not self._database[kind.name].find_one({"_id": key, "_write": write}, ["_id"]):
                raise

    def _collection(self, name: str) -> tuple[Collection, MongoCollection[Stored]]:
        if name not in self._collections:
            raise InvalidInput(f"There is no collection {name!r}.", field="collection")
        return self._collections[name], self._database[name]


def _matches(wanted: Mapping[str, set[Key]]) -> Stored:
    return {path_of(field): {"$in": list(keys)} for field, keys in wanted.items()}


def _order(query: Query) -> list[tuple[str, int]]:
    direction = pymongo.DESCENDING if query.descending else pymongo.ASCENDING
    field = [] if query.sort is None else [path_of(query.sort)]
    ties = [] if query.sort == "id" else [SEQUENCE]
    return [(path, direction) for path in (*field, *ties)]


def _pass_over_taken_ids(kind: Collection, error: mongo_errors.BulkWriteError) -> None:
    refused = error.details["writeErrors"]
    others = [one for one in refused if "_id" not in one.get("keyPattern", {})]
    if others and others[0]["code"] == _duplicate_key:
        raise already_exists(kind, taken_field(kind, others[0])) from error
    if others:
        raise error
    if error.details["writeConcernErrors"]:
        raise Unavailable("A majority of the state store's servers has not confirmed.") from error


def _is_passing(error: mongo_errors.PyMongoError) -> bool:
    lost = (mongo_errors.ConnectionFailure, mongo_errors.WriteConcernError)
    return error.timeout or isinstance(error, lost) or not _not_primary.isdisjoint(_codes(error))


def _codes(error: mongo_errors.PyMongoError) -> set[int]:
    """Return the server's error codes, of the whole call and of single writes in it."""
    details = getattr(error, "details", None) or {}
    faults = [details, *details.get("writeErrors", [])]
    return {fault["code"] for fault in faults if "code" in fault}


def _words(error: mongo_errors.PyMongoError) -> str:
    """Return the server's message, without the driver's description of all servers."""
    return re.split(r" \(configured|, full error|, Timeout:", str(error))[0].rstrip(".")
