"""How the decisions of sessions are written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fednet.errors import AlreadyExists, Conflict
from fednet.storage import Document

from ..records import Records
from .events import Record


@dataclass(frozen=True)
class SessionStore:
    """Writes records; writing one twice is harmless."""

    records: Records

    def put(self, record: Record) -> None:
        """Write a document, or change the one that is there."""
        if self.records.documents.get(record.collection, record.id) is None:
            try:
                self._insert(record)
            except AlreadyExists:
                pass
            else:
                return
        self.records.update(record.collection, record.id, lambda _: record.fields)

    def add(self, collection: str, document: dict[str, Any]) -> None:
        """Write a document that never changes; nothing happens if it is there already."""
        try:
            self.records.insert(collection, document)
        except AlreadyExists:
            return

    def put_session(self, session: Document, changes: dict[str, Any]) -> Document:
        """Change a session's document; the document as it is then.

        Args:
            session: The document as it was written last.
            changes: What is to be other in it.

        Raises:
            Conflict: Another controller has changed it.
        """
        documents = self.records.documents
        try:
            return documents.update(
                "sessions", session["id"], changes, expected_version=session["version"]
            )
        except Conflict:
            found = documents.get("sessions", session["id"]) or {}
            ours = {**changes, "version": session["version"] + 1}
            if ours.items() <= found.items():
                return found  # our own write, of which only the answer was lost
            raise

    def _insert(self, record: Record) -> None:
        fields = record.fields
        if record.collection == "rounds":
            fields = {"round_id": str(self._next_round_number()), **fields}
        self.records.insert(record.collection, {"id": record.id, **fields})

    def _next_round_number(self) -> int:
        """Rounds are counted through the whole network, as FEDn does."""
        try:
            self.records.insert("network", {"id": "counters", "rounds": 1})
        except AlreadyExists:
            counters = self.records.update(
                "network", "counters", lambda before: {"rounds": before["rounds"] + 1}
            )
            return int(counters["rounds"])
        return 1
