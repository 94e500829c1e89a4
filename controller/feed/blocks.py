"""Blocks of entries as documents: entries that come together are one write.

Blocks are numbered without a gap. A block is inserted only by someone who has read the one before it, so that whoever
sees a block sees all before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from fednet.storage import Document, Documents, Query

from .entries import Entry

_COLLECTION = "feed"


@dataclass(frozen=True)
class Block:
    """Entries that were written together.

    Attributes:
        number: The block's number.
        mark: Tells blocks of one number apart: only one of them is stored.
        entries: Its entries, at least one.
    """

    number: int
    mark: str
    entries: Sequence[Entry]

    @property
    def first(self) -> int:
        """The number of its first entry."""
        return self.entries[0].number

    @property
    def last(self) -> int:
        """The number of its last entry."""
        return self.entries[-1].number


class Blocks:
    """The blocks in a state store.

    Args:
        documents: The store.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def insert(self, block: Block) -> None:
        """Store a block.

        Raises:
            AlreadyExists: Its number is taken.
        """
        entries = [asdict(entry) for entry in block.entries]
        document = {"id": _id(block.number), "mark": block.mark, "entries": entries}
        self._documents.insert(_COLLECTION, document)

    def get(self, number: int) -> Block | None:
        """Return a block; None if there is none."""
        found = self._documents.get(_COLLECTION, _id(number))
        return _block(found) if found else None

    def some(self, first: int, count: int) -> list[Block]:
        """Return the blocks from a number on, so many at most, up to the first that is missing."""
        wanted = [_id(number) for number in range(first, first + count)]
        found = self._documents.find(_COLLECTION, Query(where={"id": wanted}, sort="id"))
        blocks = [_block(each) for each in found]
        return [block for place, block in enumerate(blocks) if block.number == first + place]

    def newest(self) -> Block | None:
        """Return the block with the highest number."""
        return self._end(descending=True)

    def oldest(self) -> Block | None:
        """Return the block with the lowest number."""
        return self._end(descending=False)

    def delete(self, number: int) -> None:
        """Delete a block, if it is there."""
        self._documents.delete(_COLLECTION, _id(number))

    def _end(self, *, descending: bool) -> Block | None:
        query = Query(sort="id", descending=descending, limit=1)
        found = self._documents.find(_COLLECTION, query)
        return _block(found[0]) if found else None


def _id(number: int) -> str:
    return f"{number:016d}"  # as texts, ids sort like their numbers


def _block(document: Document) -> Block:
    entries = [Entry(**entry) for entry in document["entries"]]
    return Block(int(document["id"]), document["mark"], entries)
