"""The port of uploads in pieces, and the errors that both of its implementations raise."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Protocol
from uuid import UUID

from fednet import limits
from fednet.contract import Principal
from fednet.digests import Digest
from fednet.errors import Conflict, LimitExceeded, TransferCorrupted


class Uploads(Protocol):
    """The blobs that are being uploaded to any controller of the network.

    A repeated piece changes nothing. A sender has at most `limits.blob_uploads_max` uploads: a further one drops the
    one that has been idle longest. An upload that has not grown for `limits.blob_upload_idle_seconds_max` is dropped
    when another one begins. Every method raises Unavailable while the store does not answer.
    """

    def append(self, sender: Principal, upload_id: UUID, offset: int, piece: BinaryIO) -> int:
        """Store a piece; return the number of bytes of the upload.

        Args:
            sender: The sender, to whom the upload belongs.
            upload_id: The id of the upload, made by the sender.
            offset: The position of the piece in the blob.
            piece: The bytes of the piece.

        Raises:
            Conflict: The bytes before the piece are missing; the upload must begin again.
            LimitExceeded: The blob would be larger than `limits.model_bytes_max`.
        """

    def complete(self, sender: Principal, upload_id: UUID, announced: Digest, key: str) -> Digest:
        """Make an upload the blob of a key, in place of the earlier blob, and delete the upload.

        Raises:
            Conflict: The upload or a part of it is missing; it must begin again.
            TransferCorrupted: The upload differs from the announced digest; it is deleted.
        """

    def collect(self) -> None:
        """Drop idle uploads, and the pieces of killed controllers."""


def owner_prefix(sender: Principal) -> str:
    """Return the beginning of the names of a sender's uploads."""
    return f"{sender.kind}-{sender.id}-"


def idle(grown_at: Mapping[str, float]) -> set[str]:
    """Return the idle uploads.

    Args:
        grown_at: All uploads, with the time at which each grew last, in seconds since 1970.
    """
    oldest = time.time() - limits.blob_upload_idle_seconds_max
    return {name for name, at in grown_at.items() if at < oldest}


def surplus(grown_at: Mapping[str, float], sender: Principal, name: str) -> set[str]:
    """Return the uploads to drop before a sender begins another one: its longest idle ones beyond the limit.

    Args:
        grown_at: All uploads, with the time at which each grew last, in seconds since 1970.
        sender: The sender of the new upload.
        name: The name of the new upload.
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
            raise LimitExceeded(
                f"The blob is too large: at most {limits.model_bytes_max} bytes are allowed."
            )
        yield data


def lost() -> Conflict:
    """Return the error for a missing or incomplete upload."""
    return Conflict("The pieces of this upload are lost. Send the blob again as another upload.")


def corrupted() -> TransferCorrupted:
    """Return the error for bytes that do not match their digest."""
    return TransferCorrupted("The blob does not match its digest. Send it again.")
