"""Models and packages of the running phases, as files on this machine."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fednet import limits
from fednet.errors import NotFound, TransferCorrupted
from fednet.rpc import sha256_of
from fednet.storage import Blobs
from fednet.wire import common_pb2

from .spool import Spool

_FOLDERS = {
    common_pb2.BlobRef.MODEL: "models",
    common_pb2.BlobRef.PACKAGE: "packages",
    common_pb2.BlobRef.STATE: "states",
}

_FOR_CLIENTS = (common_pb2.BlobRef.MODEL, common_pb2.BlobRef.PACKAGE)


def blob_key(ref: common_pb2.BlobRef) -> str:
    """Where the blob store has what is referred to."""
    return f"{_FOLDERS[ref.kind]}/{ref.id}"


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
    """Gives out paths of blobs; copies those of a distant store into the spool while a phase uses them."""

    def __init__(self, store: Blobs, spool: Spool) -> None:
        self.store = store
        self._spool = spool
        self._held: dict[tuple[int, str], _Held] = {}
        self._lock = threading.Lock()
        self._fetching = threading.Lock()  # apart, so that nobody who only asks waits for a copy

    def acquire(self, ref: common_pb2.BlobRef) -> Path:
        """A path to the blob, kept until it is released as often. Blocking.

        Raises:
            NotFound: The store has no such blob.
            TransferCorrupted: What the store gave does not match the digest.
        """
        with self._fetching:
            held = self._used_once_more(ref)
            if held is None:
                held = self._fetched(ref)
                with self._lock:
                    self._held[ref.kind, ref.id] = held
            return held.path

    def release(self, ref: common_pb2.BlobRef) -> None:
        """One use has ended; with the last one the copy goes."""
        with self._lock:
            held = self._held[ref.kind, ref.id]
            held.uses -= 1
            if held.uses == 0:
                del self._held[ref.kind, ref.id]
                if held.is_copy:
                    held.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def held(self, ref: common_pb2.BlobRef) -> Iterator[Path]:
        """A path to the blob for as long as the block runs; see `acquire`."""
        path = self.acquire(ref)
        try:
            yield path
        finally:
            self.release(ref)

    def discard_state(self, state_id: str) -> None:
        """Delete what nobody will ask for again from the store; nothing happens where it is not there."""
        self.store.delete(blob_key(common_pb2.BlobRef(kind=common_pb2.BlobRef.STATE, id=state_id)))

    def path(self, kind: int, blob_id: str) -> Path:
        """The path of a blob that a running phase uses.

        Raises:
            NotFound: No running phase uses it.
        """
        with self._lock:
            held = self._held.get((kind, blob_id)) if kind in _FOR_CLIENTS else None
        if held is None:
            raise NotFound("No running round uses this model or package.", field="id")
        return held.path

    def url(self, kind: common_pb2.BlobRef.Kind, blob_id: str) -> str:
        """A URL of a blob that a running phase uses, good for a while; empty where the store makes none.

        Raises:
            NotFound: No running phase uses it.
        """
        self.path(kind, blob_id)
        ref = common_pb2.BlobRef(kind=kind, id=blob_id)
        presigner, seconds = self.store.presigner, int(limits.object_url_seconds)
        return presigner.get_url(blob_key(ref), seconds) if presigner else ""

    def _used_once_more(self, ref: common_pb2.BlobRef) -> _Held | None:
        with self._lock:
            held = self._held.get((ref.kind, ref.id))
            if held:
                held.uses += 1
            return held

    def _fetched(self, ref: common_pb2.BlobRef) -> _Held:
        if path := self.store.local_path(blob_key(ref)):
            return _Held(path, is_copy=False)
        copy = self._spool.scratch()
        try:
            copy_blob(self.store, blob_key(ref), copy)
            _check_digest(copy, ref)
        except BaseException:
            copy.unlink(missing_ok=True)
            raise
        return _Held(copy, is_copy=True)


def _check_digest(copy: Path, ref: common_pb2.BlobRef) -> None:
    if sha256_of(copy) != ref.sha256:
        raise TransferCorrupted(f"The blob store's {blob_key(ref)} does not match its digest.")
