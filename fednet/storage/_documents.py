"""The documents protocol: collections of small JSON objects, changed by compare-and-set.

Every backend behaves alike; `tests/storage/test_documents.py` runs against each of them. All methods may be called
from any thread, and several processes may use one store, except for one in memory.
"""
# ruff: noqa: A002  # a document's key is called `id` wherever fednet speaks of it

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from fednet import limits
from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Document: TypeAlias = dict[str, Any]
Scalar: TypeAlias = str | int | float | bool | None

_name = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Collection:
    """One kind of document and the fields by which it can be found.

    Args:
        name: Lower-case words joined by single underscores.
        indexed: Fields to filter and sort by; `client.name` is the field `name` of the object `client`.
        unique: Further such fields, in which no two documents may have the same value, unless it is None or absent.
        upgraded: Returns a document of any earlier schema version as one of this version, and a document of this
            version as it is; None if no version has changed the documents.

    Raises:
        InvalidInput: The name or a field does not consist of lower-case words, or is `id` or `version`.
    """

    name: str
    indexed: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    upgraded: Callable[[Document], Document] | None = None

    def __post_init__(self) -> None:
        names = [self.name, *(part for path in self._declared for part in path.split("."))]
        wrong = [name for name in names if not _name.fullmatch(name)]
        wrong += [path for path in self._declared if path in ("id", "version")]
        if wrong:
            raise InvalidInput(
                f"Invalid name {wrong[0]!r} of a collection or a field: use lower-case words joined by "
                "single underscores, and neither id nor version.",
                field="collections",
            )

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields to filter and sort by: `id` first, then the declared ones."""
        return ("id", *dict.fromkeys(self._declared))

    @property
    def _declared(self) -> tuple[str, ...]:
        return (*self.unique, *self.indexed)


@dataclass(frozen=True)
class Query:
    """A filter and an order of documents.

    Args:
        where: The value of each field, or a sequence of values of which one must match; all fields must match. An
            absent field is None. True and 1 differ, 1 and 1.0 do not.
        sort: The field to sort by; None is the order of insertion, which also breaks ties. None comes before booleans,
            then numbers, then texts by code point.
        descending: The exact reverse of that order.
        skip: The number of documents to leave out first.
        limit: The largest number of documents to return; None for all.

    Raises:
        InvalidInput: skip or limit is negative.
    """

    where: Mapping[str, Scalar | Sequence[Scalar]] = field(default_factory=dict)
    sort: str | None = None
    descending: bool = False
    skip: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        for name, number in (("skip", self.skip), ("limit", self.limit or 0)):
            if not 0 <= number <= limits.skipped_documents_max:
                raise InvalidInput(
                    f"{name} must be 0 to {limits.skipped_documents_max}, not {number}.", field=name
                )


EVERYTHING: Final = Query()


class Documents(Protocol):
    """A store of documents.

    A document is a JSON object with an `id`, unique in its collection, and a `version`, which the store keeps: 1 after
    insert, one more after each update. The store never changes an object that it is given, and shares none with its
    caller.

    Every method raises InvalidInput for a collection that was not declared, and Unavailable while the store does not
    answer; then the call may be repeated. A write that raised Unavailable may have happened.
    """

    def insert(self, collection: str, document: Document) -> Document:
        """Add a document and return it as stored; a `version` in it is replaced.

        Raises:
            AlreadyExists: The id or the value of a unique field is taken; the error names the field.
            InvalidInput: The document has no id or is not JSON, or a declared field is neither a text, a number, a
                boolean nor None.
            LimitExceeded: The document, or the value of a declared field, is too large.
        """

    def insert_missing(self, collection: str, documents: Sequence[Document]) -> None:
        """Add the documents whose id is not taken, together where the store can; ignore the others.

        A batch may hold at most `limits.query_items_max` documents.

        Raises:
            AlreadyExists: The value of a unique field is taken.
            InvalidInput, LimitExceeded: As for `insert`; nothing is added.
        """

    def get(self, collection: str, id: str) -> Document | None:
        """Return the document; if absent, None."""

    def find(self, collection: str, query: Query = EVERYTHING) -> list[Document]:
        """Return the documents that match, in the query's order; if there are none, an empty list.

        Raises:
            InvalidInput: The query names a field that is neither `id` nor declared.
            LimitExceeded: The query has too many values.
        """

    def scan(self, collection: str) -> Iterator[Document]:
        """Yield every document in the order of insertion, reading `limits.scan_items` at a time.

        Documents that are inserted, changed or deleted meanwhile may be seen as before or as after.
        """

    def count(self, collection: str, query: Query = EVERYTHING) -> int:
        """Return the number of documents that match, without the query's skip and limit.

        Raise as `find` does.
        """

    def update(
        self,
        collection: str,
        id: str,
        changes: Mapping[str, Any],
        *,
        expected_version: int,
        known: Document | None = None,
    ) -> Document:
        """Set the given fields if the document has the expected version; return it as stored.

        The merge is shallow. Of several writers with the same expected version exactly one succeeds. A `version` among
        the changes is ignored. `known` is the document at the expected version, if the caller has it; then the store
        need not read it.

        Raises:
            NotFound: There is no such document.
            Conflict: The document has another version: read it again and decide anew.
            AlreadyExists, InvalidInput, LimitExceeded: As for `insert`; an id cannot be changed.
        """

    def delete(self, collection: str, id: str) -> bool:
        """Delete the document; return True if it was there."""

    def is_ready(self) -> bool:
        """Return True if the store answers now; never raise."""

    def close(self) -> None:
        """Close files and connections; the store must not be used afterwards."""
