"""Uploads into a blob store other than a folder: each piece is a blob, and a small document has the length.

The document is written before the first piece and deleted after the last one. So a piece without a document was left by
a killed controller.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final
from uuid import UUID

from fednet.contract import Principal
from fednet.digests import Digest, RunningDigest
from fednet.errors import Conflict, NotFound, TransferCorrupted
from fednet.storage import Blobs

from ..records import Records
from .protocol import chunks_of, corrupted, idle, lost, owner_prefix, surplus

STAGED: Final = "incoming/"
"""The beginning of the keys of pieces."""

_UPLOADS = "uploads"


@dataclass(frozen=True)
class StoreUploads:
    """See `Uploads`.

    Args:
        records: The documents that all controllers share.
        blobs: The store.
    """

    records: Records
    blobs: Blobs

    def append(self, sender: Principal, upload_id: UUID, offset: int, piece: BinaryIO) -> int:
        """See `Uploads.append`."""
        name = _name(sender, upload_id)
        if offset == 0:
            self._begin(sender, name)
        known = self.records.documents.get(_UPLOADS, name)
        if known is None or known["size_bytes"] < offset:
            raise lost()
        key = _key(name, offset)
        end = offset + self.blobs.put(key, chunks_of(piece, offset)).size_bytes
        try:
            grown = self.records.update(
                _UPLOADS,
                name,
                lambda now: {"size_bytes": max(now["size_bytes"], end), "grown_at": time.time()},
            )
        except NotFound as error:  # it was dropped or completed meanwhile
            self.blobs.delete(key)
            raise lost() from error
        return int(grown["size_bytes"])

    def complete(self, sender: Principal, upload_id: UUID, announced: Digest, key: str) -> Digest:
        """See `Uploads.complete`."""
        name = _name(sender, upload_id)
        known = self.records.documents.get(_UPLOADS, name)
        if known is None:
            raise lost()
        try:
            self.blobs.put(key, self._checked(name, announced))
        except (Conflict, TransferCorrupted):
            self._drop([name])
            raise
        self._drop([name])
        return announced

    def collect(self) -> None:
        """See `Uploads.collect`."""
        self._drop(idle(self._grown_at()))
        for key in self.blobs.list(STAGED):
            name = key.removeprefix(STAGED).partition("/")[0]
            if self.records.documents.get(_UPLOADS, name) is None:
                self.blobs.delete(key)

    def _begin(self, sender: Principal, name: str) -> None:
        found = self._grown_at()
        self._drop(idle(found) | surplus(found, sender, name))
        begun = {"id": name, "size_bytes": 0, "grown_at": time.time()}
        self.records.documents.insert_missing(_UPLOADS, [begun])

    def _grown_at(self) -> dict[str, float]:
        """Return all uploads, with the time at which each grew last."""
        return {each["id"]: each["grown_at"] for each in self.records.find(_UPLOADS)}

    def _checked(self, name: str, announced: Digest) -> Iterator[bytes]:
        """Yield the pieces one after the other.

        Raises:
            Conflict: A piece is missing, or the pieces do not fit together.
            TransferCorrupted: The blob does not match its digest.
        """
        digest = RunningDigest(announced.algorithm)
        while (begin := digest.size_bytes) < announced.size_bytes:
            try:
                yield from digest.passing(self.blobs.read(_key(name, begin)))
            except NotFound as error:
                raise lost() from error
            if digest.size_bytes == begin:
                raise lost()
        if digest.size_bytes != announced.size_bytes:
            raise lost()
        if digest.digest != announced:
            raise corrupted()

    def _drop(self, names: Iterable[str]) -> None:
        """Delete the pieces of uploads, and then their documents."""
        for name in names:
            for key in self.blobs.list(f"{STAGED}{name}/"):
                self.blobs.delete(key)
            self.records.documents.delete(_UPLOADS, name)


def _name(sender: Principal, upload_id: UUID) -> str:
    return f"{owner_prefix(sender)}{upload_id}"


def _key(name: str, offset: int) -> str:
    return f"{STAGED}{name}/{offset}"
