"""The controller's documents: its collections, and the few operations that they share."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.contract import RESOURCES, ResourceDeclaration
from fednet.errors import AlreadyExists, Conflict, NotFound
from fednet.storage import Collection, Document, Documents, Query

from . import old_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_UPGRADES: Mapping[str, Callable[[Document], Document]] = {
    "attributes": old_documents.report,
    "clients": old_documents.client,
    "combiners": old_documents.combiner,
    "metrics": old_documents.metric,
    "models": old_documents.model,
    "packages": old_documents.package,
    "predictions": old_documents.prediction,
    "sessions": old_documents.session,
    "statuses": old_documents.status,
    "telemetries": old_documents.report,
    "validations": old_documents.validation,
}
"""The functions that bring documents of earlier versions into the present form, by collection."""


def _collection(resource: ResourceDeclaration) -> Collection:
    unique = (resource.unique,) if resource.unique else ()
    return Collection(
        resource.name, resource.indexed, unique, upgraded=_UPGRADES.get(resource.name)
    )


COLLECTIONS = (
    *map(_collection, RESOURCES),
    Collection("controllers"),
    Collection("feed"),
    Collection("drafts"),
    Collection("revocations"),
    Collection("network"),
    Collection("uploads"),
    Collection("audit"),
    Collection("orphans"),
    Collection("secrets"),  # no route reads it
    Collection("xaynet"),  # likewise: it has keys of rounds
)

_NATURAL_KEYS = {
    collection.name: collection.unique[0] for collection in COLLECTIONS if collection.unique
}


def new_id() -> str:
    """Return a new id, unique for ever: a random UUID."""
    return str(uuid.uuid4())


def timestamp() -> str:
    """Return the time now in UTC, as ISO 8601 with microseconds; as texts they sort by time."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _unheard(_collection: str, _documents: Sequence[Document]) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Records:
    """The controller's documents.

    Args:
        documents: The store.
        added: Hears of documents that have been added.
    """

    documents: Documents
    added: Callable[[str, Sequence[Document]], None] = _unheard

    def insert(self, collection: str, document: Document) -> Document:
        """Add a document; one without an id gets a new one.

        Raises:
            AlreadyExists: The id, or a field that must be unique, is taken.
        """
        inserted = self.documents.insert(collection, {"id": new_id(), **document})
        self.added(collection, [inserted])
        return inserted

    def insert_missing(self, collection: str, documents: Sequence[Document]) -> None:
        """Add the documents whose id is not taken; see `Documents.insert_missing`."""
        self.documents.insert_missing(collection, documents)
        self.added(collection, documents)

    def find(self, collection: str, query: Query | None = None) -> list[Document]:
        """Return the documents that the query asks for."""
        return self.documents.find(collection, query or Query())

    def count(self, collection: str, query: Query | None = None) -> int:
        """Return the number of documents that the query's filter matches."""
        return self.documents.count(collection, query or Query())

    def lookup(self, collection: str, key: str) -> Document | None:
        """Return the document by its id or its natural key, such as a client's name; None if absent."""
        return self.documents.get(collection, key) or self.lookup_natural(collection, key)

    def lookup_natural(self, collection: str, key: str) -> Document | None:
        """Return the document by its natural key alone; None if absent, or if the collection has none."""
        natural = _NATURAL_KEYS.get(collection)
        if natural is None:
            return None
        return next(iter(self.find(collection, Query(where={natural: key}, limit=1))), None)

    def get(self, collection: str, key: str) -> Document:
        """Return the document by its id or its natural key.

        Raises:
            NotFound: There is none.
        """
        document = self.lookup(collection, key)
        if document is None:
            raise NotFound(f"There is no {key!r} among the {collection}.", field="id")
        return document

    def update(
        self, collection: str, key: str, changes: Callable[[Document], Mapping[str, Any]]
    ) -> Document:
        """Change a document by what `changes` makes of its present state.

        `changes` is asked again when somebody else was quicker; where it gives nothing, nothing is
        written.

        Raises:
            NotFound: There is no such document.
            Conflict: Others were quicker again and again.
        """
        for _ in range(limits.conflict_attempts_max):
            document = self.get(collection, key)
            if not (wanted := changes(document)):
                return document
            try:
                return self.documents.update(
                    collection,
                    document["id"],
                    wanted,
                    expected_version=document["version"],
                    known=document,
                )
            except Conflict:
                continue
        raise Conflict(f"{key!r} of {collection} is being changed by many at once. Try again.")

    def active(self) -> Document:
        """Return the network's active model_id, package_id and helper; each None until it is set."""
        nothing = {"model_id": None, "package_id": None, "helper": None}
        return nothing | (self.documents.get("network", "active") or {})

    def set_active(self, **changes: str | None) -> Document:
        """Change some of what the network works with."""
        if self.documents.get("network", "active") is None:
            with suppress(AlreadyExists):
                self.documents.insert("network", {"id": "active"})
        return self.update("network", "active", lambda _: changes)

    def is_ready(self) -> bool:
        """Return True if the state store answers."""
        return self.documents.is_ready()
