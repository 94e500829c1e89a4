"""The documents protocol: collections of small JSON objects, changed by compare-and-set.

Every backend answers alike; `tests/storage/test_documents.py` runs against each of them. All
methods may be called from any thread, and by several processes on one store where the backend is
not in memory.
"""
# ruff: noqa: A002  # a document's key is called `id` wherever fednet speaks of it

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Document: TypeAlias = dict[str, Any]
Scalar: TypeAlias = str | int | float | bool | None

_name = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_number_max: Final = 2**63 - 1  # what every backend can count to


@dataclass(frozen=True)
class Collection:
    """One kind of document and the fields by which it can be found.

    Args:
        name: Lower-case words joined by single underscores.
        indexed: Fields that can be filtered and sorted; `sender.name` is the field `name` of the
            object `sender`.
        unique: Likewise, and no two documents may have the same value there, unless it is None or
            absent.

    Raises:
        InvalidInput: The name or a field is not made of lower-case words, or is `id` or `version`.
    """

    name: str
    indexed: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [self.name, *(part for path in self._declared for part in path.split("."))]
        wrong = [name for name in names if not _name.fullmatch(name)]
        wrong += [path for path in self._declared if path in ("id", "version")]
        if wrong:
            raise InvalidInput(
                f"{wrong[0]!r} cannot name a collection or a field of it: take lower-case words "
                "joined by single underscores, and neither id nor version.",
                field="collections",
            )

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that can be filtered and sorted: `id` first, then the declared ones."""
        return ("id", *dict.fromkeys(self._declared))

    @property
    def _declared(self) -> tuple[str, ...]:
        return (*self.unique, *self.indexed)


@dataclass(frozen=True)
class Query:
    """Which documents, in which order.

    Args:
        where: A value, or a sequence of values of which one must match, for each field; all fields
            must match. An absent field is None. True and 1 differ, 1 and 1.0 do not.
        sort: The field to sort by; None is the order of insertion, which also breaks ties. None
            comes before booleans, then numbers, then texts by code point.
        descending: The exact reverse of that order.
        skip: How many documents to leave out first.
        limit: How many documents to answer at most; None for all.

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
            if not 0 <= number <= _number_max:
                raise InvalidInput(f"{name} must be a number from 0 on, not {number}.", field=name)


EVERYTHING: Final = Query()


class Documents(Protocol):
    """A store of documents.

    A document is a JSON object with an `id`, unique in its collection, and a `version`, which the
    store keeps: 1 after insert, one more after each update. What is handed in is never changed and
    never shared with what is handed out.

    Every method raises InvalidInput for a collection that was not declared, and Unavailable while
    the store does not answer (worth a retry); a write that raised Unavailable may have happened.
    """

    def insert(self, collection: str, document: Document) -> Document:
        """Add a document and return it as stored; a `version` in it is replaced.

        Raises:
            AlreadyExists: The id or the value of a unique field is taken; names the field.
            InvalidInput: It has no id, is no JSON, or a declared field is neither a text, a number,
                a boolean nor None.
            LimitExceeded: The document, or the value of a declared field, is too large.
        """

    def insert_missing(self, collection: str, documents: Sequence[Document]) -> None:
        """Add those documents whose id is not taken, at once where the store can; leave the others.

        A batch may hold `limits.query_items_max` documents.

        Raises:
            AlreadyExists: The value of a unique field is taken.
            InvalidInput, LimitExceeded: As for `insert`; nothing was added.
        """

    def get(self, collection: str, id: str) -> Document | None:
        """Return the document; if absent, None."""

    def find(self, collection: str, query: Query = EVERYTHING) -> list[Document]:
        """Return the documents that match, in the query's order; if there are none, an empty list.

        Raises:
            InvalidInput: The query names a field that is neither `id` nor declared.
            LimitExceeded: The query compares with too many values.
        """

    def scan(self, collection: str) -> Iterator[Document]:
        """Yield every document in the order of insertion, reading `limits.scan_items` at a time.

        Those inserted, changed or deleted meanwhile may be seen as before or as after.
        """

    def count(self, collection: str, query: Query = EVERYTHING) -> int:
        """Return how many documents match, whatever the query's skip and limit.

        Raises as `find` does.
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
        """Set the given fields, if nobody else changed the document; return it as stored.

        The merge is shallow. Of several writers with the same expected version exactly one
        succeeds. A `version` among the changes is ignored. Whoever has read the document at the expected
        version gives it as `known`, which saves the store reading it again.

        Raises:
            NotFound: There is no such document.
            Conflict: Its version is not the expected one: read it again and decide anew.
            AlreadyExists, InvalidInput, LimitExceeded: As for `insert`; an id cannot be changed.
        """

    def delete(self, collection: str, id: str) -> bool:
        """Remove the document; True if it was there."""

    def is_ready(self) -> bool:
        """Whether the store answers at the moment; never raises."""

    def close(self) -> None:
        """Let go of files and connections; the store is not used afterwards."""
