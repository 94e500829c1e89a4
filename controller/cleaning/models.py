"""The deletion of models: whole ones, or only the files of those that stay in the trail."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from fednet import limits
from fednet.errors import AlreadyExists, NotFound
from fednet.storage import Blobs, Document, Query

from ..records import Records, timestamp
from .protection import ids_in_use, protection_of


@dataclass(frozen=True)
class ModelFiles:
    """The models of a network, and their files.

    Args:
        records: The documents.
        blobs: The blobs.
    """

    records: Records
    blobs: Blobs

    def size_bytes(self, ids: Sequence[str]) -> int:
        """Return the size of these models' files."""
        return sum(_file_bytes(each) for each in self._found(ids))

    def delete(self, ids: Sequence[str]) -> int:
        """Delete models with their files; return the bytes. A model that a session has begun to use meanwhile stays."""
        models = self._found(ids)
        for each in models:
            self.records.documents.delete("models", each["id"])
        in_use = ids_in_use(self.records) if models else frozenset()
        size_bytes = 0
        for each in models:
            if each["id"] in in_use:
                with suppress(AlreadyExists):
                    self.records.documents.insert("models", each)
            else:
                self.blobs.delete(_key(each["id"]))
                size_bytes += _file_bytes(each)
        return size_bytes

    def drop_files(self, session_id: str, kept: int, *, only_looks: bool) -> tuple[int, int, bool]:
        """Delete the files of a session's models but for the newest; the documents stay.

        Args:
            session_id: The session.
            kept: The number of its newest models that keep their files.
            only_looks: True if nothing is deleted.

        Returns:
            The number of files, their bytes, and True if that were all.
        """
        protection, found = protection_of(self.records), 0
        size_bytes = 0
        older = self._older(session_id, kept)
        for each in older:
            if not protection.is_in_use(each):
                found += 1
                size_bytes += _file_bytes(each)
                if not only_looks:
                    self._drop_file(each["id"])
        is_last = only_looks or not found or len(older) < limits.page_items_max
        return found, size_bytes, is_last

    def _older(self, session_id: str, kept: int) -> list[Document]:
        return self.records.find(
            "models",
            Query(
                where={"session_id": session_id, "file_deleted_at": None},
                sort="committed_at",
                descending=True,
                skip=kept,
                limit=limits.page_items_max,
            ),
        )

    def _drop_file(self, model_id: str) -> None:
        with suppress(NotFound):  # somebody else was quicker
            self.records.update("models", model_id, lambda _: {"file_deleted_at": timestamp()})
        self.blobs.delete(_key(model_id))

    def _found(self, ids: Sequence[str]) -> list[Document]:
        return self.records.find("models", Query(where={"id": list(ids)})) if ids else []


def _file_bytes(model: Document) -> int:
    return 0 if model.get("file_deleted_at") else int(model["size_bytes"])


def _key(model_id: str) -> str:
    return f"models/{model_id}"
