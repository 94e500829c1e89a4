"""Files in pieces over gRPC: size and digest first, a checksum on each piece, an offset to resume from.

A piece is one MiB (`_chunks.py`); the whole file is checked against its digest. A transfer that breaks resumes at the
last byte that has arrived, a limited number of times in a row without progress.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.digests import Algorithm, Digest, RunningDigest, digest_of_file
from fednet.errors import InvalidInput, TransferCorrupted, Unavailable
from fednet.files import put_in_place
from fednet.rpc._attempts import Progress, until_whole
from fednet.rpc._chunks import upload_messages
from fednet.rpc._errors import rpc_errors
from fednet.wire import models_pb2


class Receiver:
    """A file that arrives in pieces: `<path>.part` becomes `path` when its size and digest are right.

    It takes bytes inside its `with` block.

    Args:
        path: The path of the whole file; its folder exists.
        announced: The announced digest.
        offset: The number of bytes of an earlier attempt; must be the size of the part.

    Raises:
        TransferCorrupted: The offset is not the end of the earlier attempt, or the part is longer than the file; then
            the part is deleted.
        Unavailable: The file cannot be written.
    """

    def __init__(self, path: Path, announced: Digest, offset: int = 0) -> None:
        self._path = path
        self._announced = announced
        self._part = self.part_of(path)
        self._check_offset(offset)
        self._digest = RunningDigest(announced.algorithm)
        if offset:
            self._hash_what_is_here()

    @staticmethod
    def part_of(path: Path) -> Path:
        """Return the path of the part, which holds the bytes until the file is whole."""
        return path.with_name(path.name + ".part")

    @classmethod
    def offset_of(cls, path: Path) -> int:
        """Return the number of bytes of the file that are here."""
        part = cls.part_of(path)
        return part.stat().st_size if part.exists() else 0

    def _check_offset(self, offset: int) -> None:
        here = self.offset_of(self._path)
        if here > self._announced.size_bytes:
            self._part.unlink()
            raise TransferCorrupted(
                f"{here} bytes have arrived of a file of {self._announced.size_bytes}. Send the file again."
            )
        if offset != here:
            raise TransferCorrupted(
                f"The transfer resumes at byte {offset}, but {here} bytes have arrived."
            )

    def _hash_what_is_here(self) -> None:
        with _writing(), self._part.open("rb") as file:
            while data := file.read(limits.chunk_bytes):
                self._digest.add(data)

    def write(self, data: bytes | memoryview) -> None:
        """Append a piece.

        Raises:
            TransferCorrupted: More bytes arrive than were announced.
            Unavailable: The disk is full.
        """
        size_bytes = self._announced.size_bytes
        if self._digest.size_bytes + len(data) > size_bytes:
            raise TransferCorrupted(f"More than the announced {size_bytes} bytes have arrived.")
        with _writing():
            self._file.write(data)
        self._digest.add(data)

    def finish(self) -> None:
        """Check the size and the digest, and give the file its name; delete a wrong file.

        Raises:
            TransferCorrupted: The size or the digest differs from the announced one.
            Unavailable: The disk is full.
        """
        with _writing():
            self._file.close()
        received, size_bytes = self._digest.size_bytes, self._announced.size_bytes
        if received != size_bytes:
            raise TransferCorrupted(f"The transfer ended after {received} of {size_bytes} bytes.")
        if self._digest.digest != self._announced:
            self._part.unlink()
            raise TransferCorrupted("The file does not match its digest. Send it again.")
        with _writing():
            put_in_place(self._part, self._path)

    def close(self) -> None:
        """Keep the bytes that have arrived for the next attempt."""
        # Bytes that a full disk does not take are requested again.
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> Self:
        # Not earlier: a receiver that nobody enters must not hold a file open.
        with _writing():
            self._file = self._part.open("ab")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The receiver cannot write the file: {error.strerror}.") from error


def upload(
    stub: Callable[[], Any],
    path: Path,
    task_id: str,
    *,
    stop: threading.Event | None = None,
    digest: Digest | None = None,
    resumes: bool = False,
    attempts_max: int = limits.transfer_attempts_max,
) -> None:
    """Send a file as the update of a task; resume where an earlier attempt broke off.

    Args:
        stub: Returns the file service of the current connection; called for each attempt.
        path: The file.
        task_id: The task of the update.
        stop: Set it to give up between attempts.
        digest: The file's digest, if the caller knows it; else the file is read once more.
        resumes: Ask first how many bytes an earlier call has sent.
        attempts_max: The largest number of failures in a row without progress.

    Raises:
        InvalidInput: The file cannot be read.
        FednetError: The update was refused, or failed too many times without progress.
    """
    announced = known_digest(path, digest)

    def attempt(progress: Progress) -> None:
        models = stub()
        offset = received_bytes(models, task_id) if resumes or progress.failures else 0
        progress.reached(offset)
        header = models_pb2.UploadHeader(
            task_id=task_id,
            size_bytes=announced.size_bytes,
            digest=announced.text,
            offset_bytes=offset,
        )
        # Only the receipt confirms that the file is whole there, even if all bytes have arrived.
        with path.open("rb", buffering=0) as file:
            models.Upload(upload_messages(header, file))

    until_whole(attempt, stop or threading.Event(), attempts_max)


def known_digest(path: Path, digest: Digest | None = None) -> Digest:
    """Return the digest of a file to send; do not compute a known digest again.

    Raises:
        InvalidInput: The file cannot be read.
    """
    try:
        return digest or digest_of_file(path, Algorithm.BLAKE3)
    except OSError as error:
        raise InvalidInput(f"Cannot read {path}: {error.strerror}.", field="path") from error


def received_bytes(models: Any, task_id: str) -> int:
    """Return the number of bytes of a task's update that a file service has.

    Raises:
        NotFound: No running round waits for the update.
        FednetError: The service does not answer.
    """
    upload_id = models_pb2.UploadId(task_id=task_id)
    with rpc_errors():
        return int(models.Received(upload_id, timeout=limits.call_seconds_max).offset_bytes)


def download(
    stub: Callable[[], Any],
    ref: BlobRef,
    path: Path,
    *,
    stop: threading.Event | None = None,
) -> None:
    """Fetch a model or package to a path; resume where an earlier attempt broke off.

    Args:
        stub: Returns the file service of the current connection; called for each attempt.
        ref: The model or package.
        path: The target; its folder exists.
        stop: Set it to give up between attempts.

    Raises:
        FednetError: The download was refused, or failed too many times without progress.
    """

    def attempt(progress: Progress) -> None:
        models = stub()
        offset = Receiver.offset_of(path)
        progress.reached(offset)
        request = models_pb2.DownloadRequest(kind=ref.kind, id=ref.id, offset_bytes=offset)
        with Receiver(path, ref.digest, offset) as receiver:
            for chunk in models.Download(request):
                receiver.write(chunk.checked_data())
            receiver.finish()

    until_whole(attempt, stop or threading.Event())
