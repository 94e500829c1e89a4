"""Documents in memory, for tests and notebooks; the simplest implementation of the protocol.

A search reads the whole collection.
"""
# ruff: noqa: A002  # a document's key is called `id` wherever fednet speaks of it

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from fednet.errors import InvalidInput
from fednet.storage._documents import EVERYTHING, Collection, Document, Query
from fednet.storage._rows import Row, already_exists, changed_row, new_row, wanted_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def open_documents(url: str, collections: Sequence[Collection]) -> MemoryDocuments:
    """Create an empty store; nobody else can open it.

    Raises:
        InvalidInput: The URL has more than the scheme.
    """
    if url != "memory://":
        raise InvalidInput("A store in memory has no name: use memory://.", field="state_store")
    return MemoryDocuments(collections)


class MemoryDocuments:
    """Documents that live as long as this object."""

    def __init__(self, collections: Sequence[Collection]) -> None:
        self._collections = {collection.name: collection for collection in collections}
        self._rows: dict[str, dict[str, Row]] = {name: {} for name in self._collections}
        self._lock = threading.Lock()

    def insert(self, collection: str, document: Document) -> Document:
        """See `Documents.insert`."""
        kind = self._collection(collection)
        row = new_row(kind, document)
        with self._lock:
            if row.id in self._rows[collection]:
                raise already_exists(kind, "id")
            self._keep(kind, row)
        return row.document

    def insert_missing(self, collection: str, documents: Sequence[Document]) -> None:
        """See `Documents.insert_missing`."""
        kind = self._collection(collection)
        rows = [new_row(kind, document) for document in documents]
        with self._lock:
            for row in rows:
                if row.id not in self._rows[collection]:
                    self._keep(kind, row)

    def get(self, collection: str, id: str) -> Document | None:
        """See `Documents.get`."""
        row = self._rows[self._collection(collection).name].get(id)
        return row.document if row else None

    def find(self, collection: str, query: Query = EVERYTHING) -> list[Document]:
        """See `Documents.find`."""
        rows = self._matching(collection, query)
        if (field := query.sort) is not None:
            rows.sort(key=lambda row: row.keys[field] or "")  # no key is empty, so None comes first
        if query.descending:
            rows.reverse()
        end = None if query.limit is None else query.skip + query.limit
        return [row.document for row in rows[query.skip : end]]

    def scan(self, collection: str) -> Iterator[Document]:
        """See `Documents.scan`."""
        return iter(self.find(collection))

    def count(self, collection: str, query: Query = EVERYTHING) -> int:
        """See `Documents.count`."""
        return len(self._matching(collection, query))

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
        del known  # reading costs nothing here
        kind = self._collection(collection)
        with self._lock:
            row = changed_row(kind, self.get(collection, id), id, changes, expected_version)
            self._keep(kind, row)
        return row.document

    def delete(self, collection: str, id: str) -> bool:
        """See `Documents.delete`."""
        kind = self._collection(collection)
        with self._lock:
            return self._rows[kind.name].pop(id, None) is not None

    def is_ready(self) -> bool:
        """See `Documents.is_ready`."""
        return True

    def close(self) -> None:
        """See `Documents.close`."""

    def _keep(self, collection: Collection, row: Row) -> None:
        rows = self._rows[collection.name]
        for field in collection.unique:
            key = row.keys[field]
            if key is not None and any(
                other.keys[field] == key for other in rows.values() if other.id != row.id
            ):
                raise already_exists(collection, field)
        rows[row.id] = row

    def _matching(self, collection: str, query: Query) -> list[Row]:
        kind = self._collection(collection)
        wanted = wanted_keys(kind, query)
        with self._lock:
            rows = list(self._rows[collection].values())
        return [row for row in rows if all(row.keys[name] in keys for name, keys in wanted.items())]

    def _collection(self, name: str) -> Collection:
        if name not in self._collections:
            raise InvalidInput(f"There is no collection {name!r}.", field="collection")
        return self._collections[name]
