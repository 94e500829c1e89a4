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

    def drop_files(
        self, session_id: str, kept: int, *, only_looks: bool, passed: int = 0
    ) -> tuple[int, int, bool]:
        """Delete the files of a session's models but for the newest; the documents stay.

        Args:
            session_id: The session.
            kept: The number of its newest models that keep their files.
            only_looks: True if nothing is deleted.
            passed: The number of older models that an earlier look has passed; each has looked at
                `limits.page_items_max` of them.

        Returns:
            The number of files, their bytes, and True if that were all.
        """
        older = self._older(session_id, kept + passed)
        if not older:
            return 0, 0, True
        protection = protection_of(self.records)
        unused = [each for each in older if not protection.is_in_use(each)]
        if not only_looks:
            unused = self._delete_files(unused, Protection.is_in_use)
        is_last = len(older) < limits.page_items_max or not (only_looks or unused)
        return len(unused), sum(map(file_bytes, unused)), is_last

    def unmark_used(self, models: Sequence[Document]) -> set[str]:
        """Unmark models in use that a killed run has left marked, with their files; return their ids."""
        marked = [each for each in models if _mark_of(each)]
        if not marked:
            return set()
        protection = protection_of(self.records)
        used = {each["id"]: _mark_of(each) for each in marked if protection.is_in_use(each)}
        for id_, mark in used.items():
            self._unmark(id_, mark)
        return set(used)

    def _delete_files(
        self, models: Sequence[Document], stays: Callable[[Protection, Document], bool]
    ) -> list[Document]:
        """Delete the files of models that are not in use; return these models as they were before."""
        if not models:
            return []
        marks = {each["id"]: self._mark(each["id"]) for each in models}
        protection = protection_of(self.records)
        now = {each["id"]: each for each in self._found(list(marks))}
        deleted = []
        for each in models:
            if each["id"] in now and stays(protection, now[each["id"]]):
                self._unmark(each["id"], marks[each["id"]])
            else:
                self.blobs.delete(_key(each["id"]))
                deleted.append(each)
        return deleted

    def _mark(self, model_id: str) -> str | None:
        """Mark a model; return the mark, or None if it has one already, or is gone."""
        mark = timestamp()
        with suppress(NotFound):
            model = self.records.update(
                "models", model_id, lambda now: {} if _mark_of(now) else {"file_deleted_at": mark}
            )
            return mark if _mark_of(model) == mark else None
        return None

    def _unmark(self, model_id: str, mark: str | None) -> None:
        """Take a mark back, but not that of another run, which may have deleted the file."""
        if mark is None:
            return
        with suppress(NotFound):  # somebody else was quicker
            self.records.update(
                "models",
                model_id,
                lambda now: {"file_deleted_at": None} if _mark_of(now) == mark else {},
            )

    def _older(self, session_id: str, newer: int) -> list[Document]:
        return self.records.find(
            "models",
            Query(
                where={"session_id": session_id, "file_deleted_at": None},
                sort="committed_at",
                descending=True,
                skip=newer,
                limit=limits.page_items_max,
            ),
        )

    def _found(self, ids: Sequence[str]) -> list[Document]:
        return self.records.find("models", Query(where={"id": list(ids)})) if ids else []


def file_bytes(document: Document) -> int:
    """Return the size of the file of a model or package; 0 if it was deleted."""
    return 0 if _mark_of(document) else int(document["size_bytes"])


def _mark_of(document: Document) -> str | None:
    return document.get("file_deleted_at")


def _key(model_id: str) -> str:
    return f"models/{model_id}"
