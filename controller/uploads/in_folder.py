"""Uploads into a blob store that is a folder: each is one file, which several controllers may write.

Pieces are written in place. A request that writes a piece holds a shared lock on the file; the request that makes the
file a blob holds an exclusive lock. So a late request cannot write into a blob. The system releases the locks of a
killed process.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from fednet.contract import Principal
from fednet.digests import Digest
from fednet.errors import Conflict, Unavailable
from fednet.storage import Blobs

from .protocol import chunks_of, corrupted, idle, lost, owner_prefix, surplus


@dataclass(frozen=True)
class FolderUploads:
    """See `Uploads`.

    Args:
        blobs: The store.
        folder: A folder in the file system of the store, shared by all its controllers.
    """

    blobs: Blobs
    folder: Path

    def append(self, sender: Principal, upload_id: UUID, offset: int, piece: BinaryIO) -> int:
        """See `Uploads.append`."""
        path = self._path(sender, upload_id)
        with _file_errors():
            if offset == 0:
                self._begin(sender, path)
            with _locked(path, fcntl.LOCK_SH) as file:
                if _size_of(file) < offset:
                    raise lost()
                file.seek(offset)
                for chunk in chunks_of(piece, offset):
                    _write_all(file, chunk)
                return _size_of(file)

    def complete(self, sender: Principal, upload_id: UUID, announced: Digest, key: str) -> Digest:
        """See `Uploads.complete`."""
        path = self._path(sender, upload_id)
        with _file_errors(), _locked(path, fcntl.LOCK_EX) as file:
            if _size_of(file) != announced.size_bytes:
                path.unlink()
                raise lost()
            if not announced.is_of_open_file(file):
                path.unlink()
                raise corrupted()
            return self.blobs.put_file(key, path, announced)

    def collect(self) -> None:
        """See `Uploads.collect`."""
        with _file_errors():
            self._drop(idle(self._grown_at()))

    def _begin(self, sender: Principal, path: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        found = self._grown_at()
        self._drop(idle(found) | surplus(found, sender, path.name))
        path.touch(mode=0o600)

    def _grown_at(self) -> dict[str, float]:
        """Return all uploads, with the time at which each grew last."""
        grown_at = {}
        for path in self.folder.glob("*"):
            with suppress(FileNotFoundError):
                grown_at[path.name] = path.stat().st_mtime
        return grown_at

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def _path(self, sender: Principal, upload_id: UUID) -> Path:
        return self.folder / f"{owner_prefix(sender)}{upload_id}"


@contextmanager
def _locked(path: Path, lock: int) -> Iterator[BinaryIO]:
    """Open the file with a lock.

    Raises:
        FileNotFoundError: The file does not exist, or has been moved.
        Conflict: Another request makes the file a blob, or still writes to it.
    """
    with path.open("r+b", buffering=0) as file:
        try:
            fcntl.flock(file, lock | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(
                "Another request uses this upload. Send the blob again as another upload."
            ) from error
        if not os.path.samestat(path.stat(), os.fstat(file.fileno())):
            raise FileNotFoundError(path)
        try:
            yield file
        finally:  # a child process that has not executed its program yet may hold a copy
            fcntl.flock(file, fcntl.LOCK_UN)


def _size_of(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _write_all(file: BinaryIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise lost() from error
    except OSError as error:
        raise Unavailable(
            f"The controller cannot keep the blob: {error.strerror}. Check the free space of the blob store's folder."
        ) from error
