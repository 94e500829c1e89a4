"""How the decisions of sessions are written down."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fednet.errors import AlreadyExists, Conflict, FednetError
from fednet.storage import Document

from ..records import Records
from .events import Record

_log = logging.getLogger(__name__)


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
                _log.debug("%s has written %s meanwhile", record.collection, record.id)
            else:
                return
        self.records.update(record.collection, record.id, lambda _: record.fields)

    def add(self, documents: Sequence[tuple[str, Document]]) -> None:
        """Write documents that never change, each with its collection; those that are there stay as they are.

        One that can never be stored is dropped: it would keep all others away for ever.
        """
        for collection in dict.fromkeys(name for name, _ in documents):
            batch = [document for name, document in documents if name == collection]
            try:
                self.records.documents.insert_missing(collection, batch)
            except FednetError as error:
                if error.retryable:
                    raise
                self._add_singly(collection, batch)

    def _add_singly(self, collection: str, batch: Sequence[Document]) -> None:
        for document in batch:
            try:
                self.records.documents.insert_missing(collection, [document])
            except FednetError as error:
                if error.retryable:
                    raise
                _log.exception("a document for %s cannot be stored", collection)

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
