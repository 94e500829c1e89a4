"""The port of uploads in pieces, and the errors that both of its implementations raise."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol
from uuid import UUID

from fednet import limits
from fednet.contract import Principal
from fednet.errors import Conflict, LimitExceeded, TransferCorrupted
from fednet.storage import Blob


class Uploads(Protocol):
    """The blobs that are on their way to any controller of the network.

    A piece that comes twice changes nothing. A sender has `limits.blob_uploads_max` uploads at most: one more drops the
    one that has rested longest. An upload that has not grown for `limits.blob_upload_idle_seconds_max` is dropped when
    another one begins. Every method raises Unavailable while the store does not answer.
    """

    def append(self, sender: Principal, upload_id: UUID, offset: int, piece: BinaryIO) -> int:
        """Take a piece; return the bytes that are here then.

        Args:
            sender: Who sends it: an upload is its own.
            upload_id: Made by the sender, for one blob.
            offset: Where the piece begins.
            piece: Its bytes.

        Raises:
            Conflict: The bytes before the piece are not here; the upload must begin anew.
            LimitExceeded: The blob would be larger than `limits.model_bytes_max`.
        """

    def complete(
        self, sender: Principal, upload_id: UUID, size_bytes: int, sha256: str, key: str
    ) -> Blob:
        """Make an upload the blob of a key, in the place of what was there; the upload is gone afterwards.

        Raises:
            Conflict: It is not here, or not all of it; the upload must begin anew.
            TransferCorrupted: It is another than was announced; it is thrown away.
        """

    def collect(self) -> None:
        """Drop what nobody goes on with, and what killed controllers left."""


def owner_prefix(sender: Principal) -> str:
    """Return the beginning of the names of a sender's uploads."""
    return f"{sender.kind}-{sender.id}-"


def idle(grown_at: Mapping[str, float]) -> set[str]:
    """Return the uploads that nobody goes on with.

    Args:
        grown_at: All uploads, with the time at which each grew last, in seconds since 1970.
    """
    oldest = time.time() - limits.blob_upload_idle_seconds_max
    return {name for name, at in grown_at.items() if at < oldest}


def surplus(grown_at: Mapping[str, float], sender: Principal, name: str) -> set[str]:
    """Return the uploads that a sender may not have besides the one that it begins: those that have rested longest.

    Args:
        grown_at: All uploads, with the time at which each grew last, in seconds since 1970.
        sender: Begins an upload.
        name: The upload's name.
    """
    others = [each for each in grown_at if each.startswith(owner_prefix(sender)) and each != name]
    others.sort(key=grown_at.__getitem__)
    return set(others[: max(0, len(others) - limits.blob_uploads_max + 1)])


def chunks_of(piece: BinaryIO, offset: int) -> Iterator[bytes]:
    """Yield a piece in chunks.

    Raises:
        LimitExceeded: The blob would be larger than `limits.model_bytes_max`.
    """
    end = offset
    while data := piece.read(limits.chunk_bytes):
        end += len(data)
        if end > limits.model_bytes_max:
            raise LimitExceeded(f"A blob has {limits.model_bytes_max} bytes at the most.")
        yield data


def lost() -> Conflict:
    """Return the error for an upload that is not here, or not all of it."""
    return Conflict("What was sent of this blob is not here any more. Send it again.")


def corrupted() -> TransferCorrupted:
    """Return the error for bytes that do not match their digest."""
    return TransferCorrupted("The blob does not match its SHA-256. Send it again.")
