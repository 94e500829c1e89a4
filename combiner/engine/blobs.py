"""Models and packages of the running phases, as files on this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fednet import limits
from fednet.errors import Conflict, NotFound

from ..machine.values import Blob, BlobKind
from .checked_blobs import CheckedBlobs
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


@dataclass
class _Held:
    blob: Blob
    path: Path
    is_copy: bool
    uses: int = 1


class LocalBlobs:
    """The blobs of running phases, with their paths; those of a distant store are copied into the spool.

    Args:
        checked: The blob store.
        spool: Has the copies.
    """

    def __init__(self, checked: CheckedBlobs, spool: Spool) -> None:
        self.store = checked.store
        self._checked = checked
        self._spool = spool
        self._held: dict[tuple[BlobKind, str], _Held] = {}
        self._lock = threading.Lock()
        self._fetching = threading.Lock()  # apart, so that `path` never waits for a copy

    def acquire(self, blob: Blob) -> Path:
        """Hold a blob locally (reference counted) and return its path. Blocks.

        Raises:
            NotFound: The store has no such blob.
            Conflict: The store has another blob than the controller recorded.
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
        """Hold a blob inside the block; see `acquire`."""
        path = self.acquire(blob)
        try:
            yield path
        finally:
            self.release(blob)

    def put_file(self, blob: Blob, path: Path) -> None:
        """Move a file into the store as a blob; the digest of the blob is that of the file."""
        assert blob.digest, "who writes a file knows its digest"
        self._checked.put_file(blob_key(blob), path, blob.digest)

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
            if held and held.blob != blob:
                raise Conflict(f"A running round uses {blob_key(blob)!r} with another digest.")
            if held:
                held.uses += 1
            return held

    def _fetched(self, blob: Blob) -> _Held:
        if path := self._checked.path(blob_key(blob), blob.digest):
            return _Held(blob, path, is_copy=False)
        copy = self._spool.scratch()
        try:
            self._checked.copy(blob_key(blob), blob.digest, copy)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return _Held(blob, copy, is_copy=True)
