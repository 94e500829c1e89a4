"""Blobs that arrive in pieces: each piece says where it belongs, and nothing counts before all of them are whole."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from fednet import limits
from fednet.errors import Conflict, LimitExceeded, TransferCorrupted, Unavailable
from fednet.identity import Identity


@dataclass(frozen=True)
class Uploads:
    """What has arrived of the blobs that are on their way.

    A piece that comes twice changes nothing. What nobody goes on with is removed by those who come
    later, and what was there when the controller stopped, when it starts (see
    `Catalog.discard_unfinished`).

    Args:
        folder: Where it lies, best in the file system of the blobs.
    """

    folder: Path

    def append(self, sender: Identity, upload_id: UUID, offset: int, piece: BinaryIO) -> int:
        """Take a piece; how many bytes are here then.

        Args:
            sender: Who sends it: an upload is its own.
            upload_id: Made by the sender.
            offset: Where the piece begins.
            piece: Its bytes.

        Raises:
            Conflict: The bytes before the piece are not here; the upload must begin anew.
            LimitExceeded: The blob would be larger than limits.model_bytes_max.
            Unavailable: The disk is full, or refuses.
        """
        path = self._path(sender, upload_id)
        with _file_errors():
            if offset == 0:
                self._make_room(sender, path)
            with path.open("r+b" if offset else "wb") as file:
                if file.seek(0, os.SEEK_END) < offset:
                    raise _lost()
                file.seek(offset)
                file.truncate()
                return _copy(piece, file)

    @contextmanager
    def whole(
        self, sender: Identity, upload_id: UUID, size_bytes: int, sha256: str
    ) -> Iterator[Path]:
        """The file of an upload that is complete; gone at the end, wherever it was moved.

        Raises:
            Conflict: It is not here, or not all of it; the upload must begin anew.
            TransferCorrupted: It is another than was announced; it is thrown away.
        """
        path = self._path(sender, upload_id)
        try:
            with _file_errors():
                if path.stat().st_size != size_bytes:
                    raise _lost()
                if _sha256(path) != sha256:
                    raise TransferCorrupted("The blob does not match its SHA-256. Send it again.")
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _make_room(self, sender: Identity, path: Path) -> None:
        """Before an upload begins: what nobody goes on with ends, and nobody has more than a few."""
        self.folder.mkdir(parents=True, exist_ok=True)
        oldest = time.time() - limits.blob_upload_idle_seconds_max
        begun = _by_age(self.folder)
        others = [each for each in begun if each.name.startswith(_mine(sender)) and each != path]
        surplus = others[: max(0, len(others) + 1 - limits.blob_uploads_max)]
        for each, grown_at in begun.items():
            if grown_at < oldest or each in surplus:
                each.unlink(missing_ok=True)

    def _path(self, sender: Identity, upload_id: UUID) -> Path:
        return self.folder / f"{_mine(sender)}{upload_id}"


def _mine(sender: Identity) -> str:
    """What the names of a sender's uploads begin with."""
    return f"blob-{sender.role}-{sender.id}-"


def _by_age(folder: Path) -> dict[Path, float]:
    """All uploads with the time when they last grew, the oldest first."""
    grown_at = {}
    for path in folder.glob("blob-*"):
        with suppress(FileNotFoundError):
            grown_at[path] = path.stat().st_mtime
    return dict(sorted(grown_at.items(), key=lambda each: each[1]))


def _copy(piece: BinaryIO, file: BinaryIO) -> int:
    while data := piece.read(limits.chunk_bytes):
        if file.tell() + len(data) > limits.model_bytes_max:
            raise LimitExceeded(f"A blob has {limits.model_bytes_max} bytes at the most.")
        file.write(data)
    return file.tell()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _lost() from error
    except OSError as error:
        raise Unavailable(
            f"The controller cannot keep the blob: {error.strerror}. Check the free space of its data folder."
        ) from error


def _lost() -> Conflict:
    return Conflict("What was sent of this blob is not here any more. Send it again.")
