"""Blobs that nothing refers to, as a `kill -9` between a blob and its document leaves them.

A blob is written before the document that names it. So a blob without one is only noted when it is first seen; it is
deleted if it is still the same, and still without a document, some time later.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from fednet import limits
from fednet.names import is_id
from fednet.storage import Blobs, Query

from ..records import Records
from .models import ModelFiles
from .protection import ids_named

COLLECTION: Final = "orphans"
_NAMED: Final = ("models", "packages")  # each of these blobs has a document of its name
_FOLDERS: Final = (*_NAMED, "partials", "states")


@dataclass(frozen=True)
class OrphanedBlobs:
    """The blobs without a reference.

    Args:
        records: The documents.
        blobs: The blobs.
        files: The files of models; those in use are no orphans, though a killed run has marked them.
    """

    records: Records
    blobs: Blobs
    files: ModelFiles

    def after(self, passed: int) -> tuple[int, list[str]]:
        """Look at a bounded number of our blobs after so many; return their number, and the keys without a reference.

        The number is 0 at the end.
        """
        listed = chain.from_iterable(self.blobs.list(f"{folder}/") for folder in _FOLDERS)
        keys = list(islice(listed, passed, passed + limits.query_items_max))
        lost = self._without_reference(keys)
        if len(lost) <= limits.page_items_max:
            return len(keys), lost
        return keys.index(lost[limits.page_items_max]), lost[: limits.page_items_max]

    def is_ripe(self, key: str, seconds: float) -> bool:
        """Note a blob without a reference; return True if it was noted so long ago, and is the same still."""
        now, version = time.time(), self.blobs.version(key)
        note = self.records.documents.get(COLLECTION, key)
        if note is not None and note["blob_version"] == version:
            return bool(now - note["seen_at"] >= max(seconds, limits.orphan_seconds))
        if note is not None:
            self.records.documents.delete(COLLECTION, key)
        seen = {"id": key, "blob_version": version, "seen_at": now}
        self.records.documents.insert_missing(COLLECTION, [seen])
        return False

    def delete(self, key: str) -> None:
        """Delete a blob and its note."""
        self.blobs.delete(key)
        self.records.documents.delete(COLLECTION, key)

    def forget_old_notes(self) -> None:
        """Forget the notes of blobs that are gone, or have a reference by now."""
        for note in list(self.records.documents.scan(COLLECTION)):
            if time.time() - note["seen_at"] > limits.orphan_note_seconds:
                self.records.documents.delete(COLLECTION, note["id"])

    def _without_reference(self, keys: Sequence[str]) -> list[str]:
        ours = {key: id_ for key in keys if (id_ := _id_in(key))}
        left = set(ours.values()) - self._named(ours)
        if left:
            for session in self.records.documents.scan("sessions"):
                left.difference_update(ids_named(session))
        return [key for key, id_ in ours.items() if id_ in left]

    def _named(self, ours: Mapping[str, str]) -> set[str]:
        """Return the ids that documents have; those of deleted files only if the models are in use."""
        named: set[str] = set()
        for folder in _NAMED:
            ids = sorted({id_ for key, id_ in ours.items() if key.startswith(f"{folder}/")})
            for first in range(0, len(ids), limits.page_items_max):
                some = ids[first : first + limits.page_items_max]
                found = self.records.find(folder, Query(where={"id": some}))
                named |= {each["id"] for each in found if not each.get("file_deleted_at")}
                if folder == "models":
                    named |= self.files.unmark_used(found)
        return named


def _id_in(key: str) -> str:
    """Return the id in a key of the form that fednet makes; "" if it is another key, of another program."""
    folder, id_, *more = key.split("/")
    return id_ if is_id(id_) and not (more and folder in _NAMED) else ""
