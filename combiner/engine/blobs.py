"""Models and packages of the running phases, as files on this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fednet import limits
from fednet.digests import sha256_of_file
from fednet.errors import NotFound, TransferCorrupted
from fednet.storage import Blobs

from ..machine.values import Blob, BlobKind
from .spool import Spool

_FOLDERS = {
    BlobKind.MODEL: "models",
    BlobKind.PACKAGE: "packages",
    BlobKind.STATE: "states",
}

_FOR_CLIENTS = (BlobKind.MODEL, BlobKind.PACKAGE)


def blob_key(blob: Blob) -> str:
    """Return the key of a blob in the blob store."""
    return f"{_FOLDERS[blob.kind]}/{blob.id}"


def copy_blob(store: Blobs, key: str, target: Path) -> Path:
    """Copy a blob to a path."""
    with target.open("wb") as file:
        for data in store.read(key):
            file.write(data)
    return target


@dataclass
class _Held:
    path: Path
    is_copy: bool
    uses: int = 1


class LocalBlobs:
    """The blobs of running phases, with their paths; those of a distant store are copied into the spool."""

    def __init__(self, store: Blobs, spool: Spool) -> None:
        self.store = store
        self._spool = spool
        self._held: dict[tuple[BlobKind, str], _Held] = {}
        self._lock = threading.Lock()
        self._fetching = threading.Lock()  # apart, so that `path` never waits for a copy

    def acquire(self, blob: Blob) -> Path:
        """Pin a blob locally (reference counted) and return its path. Blocks.

        Raises:
            NotFound: The store has no such blob.
            TransferCorrupted: The store's bytes do not match the digest.
        """
        with self._fetching:
            held = self._used_once_more(blob)
            if held is None:
                held = self._fetched(blob)
                with self._lock:
                    self._held[blob.kind, blob.id] = held
            return held.path

    def release(self, blob: Blob) -> None:
        """End one use; the last one deletes the copy."""
        with self._lock:
            held = self._held[blob.kind, blob.id]
            held.uses -= 1
            if held.uses == 0:
                del self._held[blob.kind, blob.id]
                if held.is_copy:
                    held.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def held(self, blob: Blob) -> Iterator[Path]:
        """Pin a blob inside the block; see `acquire`."""
        path = self.acquire(blob)
        try:
            yield path
        finally:
            self.release(blob)

    def discard_state(self, state_id: str) -> None:
        """Delete a state that nobody will ask for again from the store; nothing happens if it is not there."""
        self.store.delete(blob_key(Blob(BlobKind.STATE, state_id)))

    def discard_model(self, model_id: str) -> None:
        """Delete a model that no round has committed, and the state that goes with it."""
        self.store.delete(blob_key(Blob(BlobKind.MODEL, model_id)))
        self.discard_state(model_id)

    def path(self, kind: BlobKind, blob_id: str) -> Path:
        """Return the path of a blob that a running phase uses.

        Raises:
            NotFound: No running phase uses it.
        """
        with self._lock:
            held = self._held.get((kind, blob_id)) if kind in _FOR_CLIENTS else None
        if held is None:
            raise NotFound("No running round uses this model or package.", field="id")
        return held.path

    def url(self, kind: BlobKind, blob_id: str) -> str:
        """Return a URL of a blob that a running phase uses, good for a while; empty where the store makes none.

        Raises:
            NotFound: No running phase uses it.
        """
        self.path(kind, blob_id)
        blob = Blob(kind, blob_id)
        presigner, seconds = self.store.presigner, int(limits.object_url_seconds)
        return presigner.get_url(blob_key(blob), seconds) if presigner else ""

    def _used_once_more(self, blob: Blob) -> _Held | None:
        with self._lock:
            held = self._held.get((blob.kind, blob.id))
            if held:
                held.uses += 1
            return held

    def _fetched(self, blob: Blob) -> _Held:
        if path := self.store.local_path(blob_key(blob)):
            return _Held(path, is_copy=False)
        copy = self._spool.scratch()
        try:
            copy_blob(self.store, blob_key(blob), copy)
            _check_digest(copy, blob)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return _Held(copy, is_copy=True)


def _check_digest(copy: Path, blob: Blob) -> None:
    if sha256_of_file(copy) != blob.sha256:
        raise TransferCorrupted(f"The blob store's {blob_key(blob)} does not match its digest.")
