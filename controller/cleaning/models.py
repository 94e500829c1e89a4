"""The deletion of models: whole ones, or only the files of those that stay in the trail.

A model may come into use while it is being deleted. So it is marked first, by `file_deleted_at`; then the protection is
read again, and models in use lose their mark; then the files go, and the documents last. Whoever takes a model into use
writes that first, and looks for the mark afterwards: one of the two sees the other. A `kill -9` leaves a marked
document, which a later run finds; it unmarks models in use whose files are there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fednet import limits
from fednet.errors import NotFound
from fednet.storage import Blobs, Document, Query

from ..records import Records, timestamp
from .protection import Protection, protection_of


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
        return sum(file_bytes(each) for each in self._found(ids))

    def delete(self, ids: Sequence[str]) -> int:
        """Delete models with their files; return the bytes. A model that has come into use meanwhile stays."""
        deleted = self._delete_files(self._found(ids), Protection.covers)
        for each in deleted:
            self.records.documents.delete("models", each["id"])
        return sum(map(file_bytes, deleted))

    def drop_files(self, session_id: str, kept: int, *, only_looks: bool) -> tuple[int, int, bool]:
        """Delete the files of a session's models but for the newest; the documents stay.

        Args:
            session_id: The session.
            kept: The number of its newest models that keep their files.
            only_looks: True if nothing is deleted.

        Returns:
            The number of files, their bytes, and True if that were all.
        """
        older = self._older(session_id, kept)
        if not older:
            return 0, 0, True
        protection = protection_of(self.records)
        unused = [each for each in older if not protection.is_in_use(each)]
        if not only_looks:
            unused = self._delete_files(unused, Protection.is_in_use)
        is_last = only_looks or not unused or len(older) < limits.page_items_max
        return len(unused), sum(map(file_bytes, unused)), is_last

    def unmark_used(self, ids: Sequence[str]) -> set[str]:
        """Unmark models in use that a killed run has left marked, with their files; return their ids."""
        marked = [each for each in self._found(ids) if each.get("file_deleted_at")]
        if not marked:
            return set()
        protection = protection_of(self.records)
        used = {each["id"] for each in marked if protection.is_in_use(each)}
        for id_ in used:
            self._mark(id_, None)
        return used

    def _delete_files(
        self, models: Sequence[Document], stays: Callable[[Protection, Document], bool]
    ) -> list[Document]:
        """Delete the files of models that are not in use; return these models as they were before."""
        if not models:
            return []
        for each in models:
            if not each.get("file_deleted_at"):
                self._mark(each["id"], timestamp())
        protection = protection_of(self.records)
        now = {each["id"]: each for each in self._found([each["id"] for each in models])}
        deleted = []
        for each in models:
            if each["id"] in now and stays(protection, now[each["id"]]):
                if not each.get("file_deleted_at"):
                    self._mark(each["id"], None)
            else:
                self.blobs.delete(_key(each["id"]))
                deleted.append(each)
        return deleted

    def _mark(self, model_id: str, at: str | None) -> None:
        with suppress(NotFound):  # somebody else was quicker
            self.records.update("models", model_id, lambda _: {"file_deleted_at": at})

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

    def _found(self, ids: Sequence[str]) -> list[Document]:
        return self.records.find("models", Query(where={"id": list(ids)})) if ids else []


def file_bytes(document: Document) -> int:
    """Return the size of the file of a model or package; 0 if it was deleted."""
    return 0 if document.get("file_deleted_at") else int(document["size_bytes"])


def _key(model_id: str) -> str:
    return f"models/{model_id}"
