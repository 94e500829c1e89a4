"""Files in pieces over gRPC: size and digest first, a checksum on each piece, an offset to resume from.

A piece is one MiB with its CRC32C (RFC 3720, appendix B.4); the whole is held against its SHA-256. A transfer that
breaks goes on from the last byte that arrived, a bounded number of times, as long as it makes way.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Self

import google_crc32c
import grpc

from fednet import limits
from fednet.errors import FednetError, TransferCorrupted, Unavailable
from fednet.rpc._backoff import backoff_seconds
from fednet.rpc._errors import from_rpc_error
from fednet.wire import common_pb2, models_pb2


def pieces(file: BinaryIO, offset: int = 0) -> Iterator[models_pb2.Chunk]:
    """The rest of a file from an offset, as chunks with their checksums."""
    file.seek(offset)
    while data := file.read(limits.chunk_bytes):
        yield models_pb2.Chunk(data=data, crc32c=google_crc32c.value(data))


def checked_data(chunk: models_pb2.Chunk) -> bytes:
    """A chunk's bytes; raises TransferCorrupted where they do not match the checksum."""
    if google_crc32c.value(chunk.data) != chunk.crc32c:
        raise TransferCorrupted("A piece arrived that does not match its checksum.")
    return chunk.data


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Receiver:
    """One file as it arrives: appended to `<path>.part`, renamed to `path` once size and digest are right.

    Args:
        path: Where the whole file is to lie; its folder exists.
        size_bytes: The size that was announced.
        sha256: The digest that was announced, hexadecimal.
        offset: How many bytes of an earlier attempt to keep; must be what lies there.

    Raises:
        TransferCorrupted: The offset is not where the earlier attempt ended.
    """

    def __init__(self, path: Path, *, size_bytes: int, sha256: str, offset: int = 0) -> None:
        self._path = path
        self._size = size_bytes
        self._sha256 = sha256
        self._part = self.part_of(path)
        if offset != self.offset_of(path):
            raise TransferCorrupted(
                f"The transfer resumes at byte {offset}, but {self.offset_of(path)} bytes are here."
            )
        self._digest = hashlib.sha256()
        self._file = self._part.open("a+b")
        self._hash_what_is_here()
        self._received = offset

    @staticmethod
    def part_of(path: Path) -> Path:
        """Where the bytes lie until the file is whole."""
        return path.with_name(path.name + ".part")

    @classmethod
    def offset_of(cls, path: Path) -> int:
        """How many bytes of the file are here."""
        part = cls.part_of(path)
        return part.stat().st_size if part.exists() else 0

    def _hash_what_is_here(self) -> None:
        self._file.seek(0)
        while data := self._file.read(limits.chunk_bytes):
            self._digest.update(data)

    def write(self, data: bytes) -> None:
        """Append a piece.

        Raises:
            TransferCorrupted: More bytes came than were announced.
        """
        if self._received + len(data) > self._size:
            raise TransferCorrupted(f"More than the announced {self._size} bytes arrived.")
        self._file.write(data)
        self._digest.update(data)
        self._received += len(data)

    def finish(self) -> None:
        """Check size and digest and give the file its name; a file that is wrong is thrown away.

        Raises:
            TransferCorrupted: The size or the digest is not the announced one.
        """
        self._file.close()
        if self._received != self._size:
            raise TransferCorrupted(
                f"The transfer ended after {self._received} of {self._size} bytes."
            )
        if self._digest.hexdigest() != self._sha256:
            self._part.unlink()
            raise TransferCorrupted("The file does not match its SHA-256; it must be sent again.")
        self._part.replace(self._path)

    def close(self) -> None:
        """Keep what has arrived for the next attempt."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def upload(
    stub: Callable[[], Any], path: Path, task_id: str, *, stop: threading.Event | None = None
) -> tuple[int, str]:
    """Send a file as the update of a task, resuming where an earlier attempt broke off.

    Args:
        stub: Gives the file service of the present connection; asked anew for each attempt.
        path: The file.
        task_id: The task whose update it is.
        stop: Set it to give up between attempts.

    Returns:
        Its size in bytes and its SHA-256.

    Raises:
        FednetError: It was refused, or broke off too many times without making way.
    """
    size, sha256 = path.stat().st_size, sha256_of(path)

    def attempt(reached: Callable[[int], None]) -> None:
        models = stub()
        upload_id = models_pb2.UploadId(task_id=task_id)
        offset = int(models.Received(upload_id, timeout=limits.call_seconds_max).offset_bytes)
        reached(offset)
        if offset < size:
            models.Upload(_upload_parts(path, task_id, size, sha256, offset))

    _until_whole(attempt, stop or threading.Event())
    return size, sha256


def _upload_parts(
    path: Path, task_id: str, size: int, sha256: str, offset: int
) -> Iterator[models_pb2.UploadPart]:
    header = models_pb2.UploadHeader(
        task_id=task_id, size_bytes=size, sha256=sha256, offset_bytes=offset
    )
    yield models_pb2.UploadPart(header=header)
    with path.open("rb") as file:
        for chunk in pieces(file, offset):
            yield models_pb2.UploadPart(chunk=chunk)


def download(
    stub: Callable[[], Any],
    ref: common_pb2.BlobRef,
    path: Path,
    *,
    stop: threading.Event | None = None,
) -> None:
    """Fetch a model or package to a path, resuming where an earlier attempt broke off.

    Args:
        stub: Gives the file service of the present connection; asked anew for each attempt.
        ref: What to fetch.
        path: Where to put it; its folder exists.
        stop: Set it to give up between attempts.

    Raises:
        FednetError: It was refused, or broke off too many times without making way.
    """

    def attempt(reached: Callable[[int], None]) -> None:
        offset = Receiver.offset_of(path)
        reached(offset)
        request = models_pb2.DownloadRequest(kind=ref.kind, id=ref.id, offset_bytes=offset)
        with Receiver(
            path, size_bytes=ref.size_bytes, sha256=ref.sha256, offset=offset
        ) as receiver:
            for part in stub().Download(request):
                receiver.write(checked_data(part.chunk))
            receiver.finish()

    _until_whole(attempt, stop or threading.Event())


def _until_whole(attempt: Callable[[Callable[[int], None]], None], stop: threading.Event) -> None:
    """Repeat an attempt while its errors may pass; only failures in a row without progress are counted."""
    failures = 0
    furthest = 0

    def reached(offset: int) -> None:
        nonlocal failures, furthest
        if offset > furthest:
            failures, furthest = 0, offset

    while True:
        try:
            attempt(reached)
        except grpc.RpcError as error:
            last = from_rpc_error(error)
        except FednetError as error:
            last = error
        except ValueError as error:
            last = Unavailable(
                f"The connection was closed: {error}"
            )  # what gRPC says of a closed channel
        else:
            return
        failures += 1
        if not last.retryable or failures == limits.transfer_attempts_max:
            raise last
        if stop.wait(backoff_seconds(failures)):
            raise last
