"""Blocks of entries as documents. A block's id is the number of its first entry, so a number is given once only.

A block is inserted by someone who has read the one before it; of two controllers at once, one wins, and the other reads
on.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fednet import limits
from fednet.audit import AuditHead
from fednet.errors import Conflict
from fednet.storage import Document, Documents, Query

_COLLECTION = "audit"
_ANCHOR = "audit-anchor"


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

    def anchor(self) -> AuditHead:
        """Return the last entry that retention has deleted; 0 if there is none."""
        found = self._documents.get("network", _ANCHOR)
        return AuditHead(found["number"], found["hash"]) if found else AuditHead()

    def surplus(
        self, kept_max: int | None, before: str, passed: int = 0
    ) -> tuple[AuditHead, int, bool]:
        """Return the entry up to which the oldest blocks may go, the number of entries, and if that is all.

        The newest block stays in any case.

        Args:
            kept_max: The number of entries that are kept; None for any number.
            before: Entries from this time on are kept: ISO 8601, UTC; "" keeps entries of any age.
            passed: The number of the oldest blocks that an earlier look has counted.
        """
        head, last = self.head(), self.anchor()
        beyond = 0 if kept_max is None else head.number - kept_max
        page = Query(sort="id", skip=passed, limit=limits.audit_pruned_blocks + 1)
        blocks = self._documents.find(_COLLECTION, page)
        count = 0
        for block in blocks[:-1]:
            newest = block["entries"][-1]
            if newest["number"] > beyond and newest["at"] >= before:
                return last, count, True
            count += len(block["entries"])
            last = AuditHead(newest["number"], newest["hash"])
        return last, count, len(blocks) <= limits.audit_pruned_blocks

    def prune(self, anchor: AuditHead) -> None:
        """Delete the blocks up to an entry. May be repeated: first the anchor is moved, then they are deleted."""
        kept = {"number": anchor.number, "hash": anchor.hash}
        self._documents.insert_missing("network", [{"id": _ANCHOR, **kept}])
        known = self._documents.get("network", _ANCHOR)
        if known and known["number"] < anchor.number:
            with suppress(Conflict):  # another controller is quicker
                self._documents.update("network", _ANCHOR, kept, expected_version=known["version"])
        page = Query(sort="id", limit=limits.audit_pruned_blocks)
        for block in self._documents.find(_COLLECTION, page):
            if block["entries"][-1]["number"] <= anchor.number:
                self._documents.delete(_COLLECTION, block["id"])

    def after(self, number: int, head: AuditHead) -> tuple[list[dict[str, Any]], int]:
        """Return the entries of a stretch after a number, and the number to go on after.

        The stretch may be empty where entries were removed from the store; then the next one may not be.
        """
        number = max(number, self.anchor().number)
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
