"""Blocks of entries as documents. A block's id is the number of its first entry, so a number is given once only.

A block is inserted by someone who has read the one before it; of two controllers at once, one wins, and the other reads
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fednet import limits
from fednet.audit import AuditHead
from fednet.storage import Document, Documents, Query

_COLLECTION = "audit"


class AuditBlocks:
    """The blocks in a state store.

    Args:
        documents: The store.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def insert(self, entries: Sequence[dict[str, Any]]) -> None:
        """Store entries, at most `limits.audit_block_entries`.

        Raises:
            AlreadyExists: Another controller has taken the first number.
            Unavailable: The store does not answer; they may be stored all the same.
        """
        document = {"id": _id(entries[0]["number"]), "entries": list(entries)}
        self._documents.insert(_COLLECTION, document)

    def head(self) -> AuditHead:
        """Return the head of the log."""
        newest = self._documents.find(_COLLECTION, Query(sort="id", descending=True, limit=1))
        if not newest:
            return AuditHead()
        last = newest[0]["entries"][-1]
        return AuditHead(last["number"], last["hash"])

    def after(self, number: int, head: AuditHead) -> tuple[list[dict[str, Any]], int]:
        """Return the entries of a stretch after a number, and the number to go on after.

        The stretch may be empty where entries were removed from the store; then the next one may not be.
        """
        first = max(1, number + 2 - limits.audit_block_entries)
        end = min(number + limits.audit_stretch_entries, head.number)
        ids = [_id(each) for each in range(first, end + 1)]
        if not ids:
            return [], number
        blocks: list[Document] = self._documents.find(
            _COLLECTION, Query(where={"id": ids}, sort="id")
        )
        found = [
            entry for block in blocks for entry in block["entries"] if entry["number"] > number
        ]
        return found, max(end, found[-1]["number"] if found else 0)


def _id(number: int) -> str:
    return f"{number:016d}"  # as texts, ids sort like their numbers
