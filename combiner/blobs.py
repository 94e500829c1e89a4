"""Models and packages of the running phases, as files on this machine."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from fednet.errors import NotFound, TransferCorrupted
from fednet.rpc import sha256_of
from fednet.storage import Blobs
from fednet.wire import common_pb2

from .spool import Spool

_FOLDERS = {common_pb2.BlobRef.MODEL: "models", common_pb2.BlobRef.PACKAGE: "packages"}


def blob_key(ref: common_pb2.BlobRef) -> str:
    """Where the blob store has what is referred to."""
    return f"{_FOLDERS[ref.kind]}/{ref.id}"


class LocalBlobs:
    """Gives out paths of blobs; copies those of a distant store into the spool while a phase uses them."""

    def __init__(self, store: Blobs, spool: Spool) -> None:
        self.store = store
        self._spool = spool
        self._uses: Counter[tuple[int, str]] = Counter()
        self._paths: dict[tuple[int, str], Path] = {}
        self._lock = threading.Lock()

    def acquire(self, ref: common_pb2.BlobRef) -> Path:
        """A path to the blob, kept until it is released as often. Blocking.

        Raises:
            NotFound: The store has no such blob.
            TransferCorrupted: What the store gave does not match the digest.
        """
        key = (ref.kind, ref.id)
        with self._lock:
            if key not in self._paths:
                self._paths[key] = self.store.local_path(blob_key(ref)) or self._copied(ref)
            self._uses[key] += 1
            return self._paths[key]

    def release(self, ref: common_pb2.BlobRef) -> None:
        """One use has ended; with the last one the copy goes."""
        key = (ref.kind, ref.id)
        with self._lock:
            self._uses[key] -= 1
            if self._uses[key] <= 0:
                self._uses.pop(key)
                self._paths.pop(key, None)
                self._spool.cache_path(ref).unlink(missing_ok=True)

    def path(self, kind: int, blob_id: str) -> Path:
        """The path of a blob that a running phase uses.

        Raises:
            NotFound: No running phase uses it.
        """
        with self._lock:
            path = self._paths.get((kind, blob_id))
        if path is None:
            raise NotFound(f"No running round uses {blob_id!r}.", field="id")
        return path

    def _copied(self, ref: common_pb2.BlobRef) -> Path:
        path, scratch = self._spool.cache_path(ref), self._spool.scratch()
        with scratch.open("wb") as file:
            for data in self.store.read(blob_key(ref)):
                file.write(data)
        if sha256_of(scratch) != ref.sha256:
            scratch.unlink()
            raise TransferCorrupted(f"The blob store's {blob_key(ref)} does not match its digest.")
        return scratch.replace(path)
