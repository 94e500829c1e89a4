"""The file of a backup: a tar whose last member counts the others and holds their digest.

    fednet-backup-2                     empty: the format's number
    documents/<collection>/<n>.jsonl    documents, one in each line, in the order of insertion
    blobs/<folder>/<name>.blob          a blob, named as a folder of blobs names it
    end.json                            what there is, and the SHA-256 of every name, size and content

A file without its end, or with another digest, is not a backup: a restore reads and checks all of it first.
"""

from __future__ import annotations

import json
import tarfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.digests import Algorithm, RunningDigest
from fednet.errors import Conflict, FailedPrecondition, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FORMAT: Final = 2
"""Raised whenever an older fednet would not understand the documents: 2 since they have words of their own."""
_BEGIN: Final = "fednet-backup-"
_END: Final = "end.json"


@dataclass
class BackupContents:
    """The contents of a backup, as numbers.

    Attributes:
        documents: The number of documents of each collection.
        blobs: The number of blobs.
        blob_bytes: The bytes of all blobs.
    """

    documents: dict[str, int] = field(default_factory=dict)
    blobs: int = 0
    blob_bytes: int = 0


class BackupWriter:
    """The writer of a backup: one member after the other.

    Args:
        file: The file to write to; it is neither flushed nor closed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = RunningDigest(Algorithm.SHA256)
        self.add(f"{_BEGIN}{_FORMAT}", 0, [])

    def add(self, name: str, size_bytes: int, content: Iterable[bytes]) -> None:
        """Write a whole member or nothing.

        Raises:
            Conflict: The content has another size: it was replaced meanwhile.
            NotFound: The content was deleted meanwhile.
        """
        start, digest = self._file.tell(), self._digest.copy()
        try:
            self._write(name, size_bytes, content)
        except NotFound:
            self._file.seek(start)
            self._file.truncate()
            self._digest = digest
            raise

    def end(self, contents: BackupContents) -> None:
        """Write the last member, which makes the file a backup."""
        said = asdict(contents)
        end = json.dumps(said | {"sha256": _sealed(self._digest, said)}).encode()
        self.add(_END, len(end), [end])
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))

    def _write(self, name: str, size_bytes: int, content: Iterable[bytes]) -> None:
        header = tarfile.TarInfo(name)
        header.size, header.mode = size_bytes, 0o600
        self._file.write(header.tobuf(tarfile.PAX_FORMAT))
        self._digest.add(_named(name, size_bytes))
        left = size_bytes
        for chunk in content:
            self._file.write(chunk)
            self._digest.add(chunk)
            left -= len(chunk)
        if left:
            raise Conflict(f"{name} was replaced while it was read. Make the backup again.")
        self._file.write(bytes(-size_bytes % tarfile.BLOCKSIZE))


def members(path: Path) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Yield each member of a backup's file: its name, its size and its content, which is valid until the next member.

    Raises:
        InvalidInput: The file is not a tar of plain files, or is incomplete.
        FailedPrecondition: The file cannot be read.
    """
    with _file_errors(path), tarfile.open(path, "r:") as archive:
        while (header := archive.next()) is not None:
            content = archive.extractfile(header)
            if content is None:
                raise no_backup(path)
            yield header.name, header.size, _chunks(path, content)
            # tarfile would remember every member.
            archive.members.clear()  # type: ignore[attr-defined]  # the stubs leave it out


def check_backup(path: Path) -> BackupContents:
    """Read a whole backup, compare it with the numbers and the digest at its end, and return its contents.

    Raises:
        InvalidInput: The file is not a backup, or is incomplete.
        FailedPrecondition: The file cannot be read, or a newer version of fednet has written it.
    """
    digest = RunningDigest(Algorithm.SHA256)
    for number, (name, size_bytes, chunks) in enumerate(members(path)):
        if number == 0:
            _check_format(path, name)
        if name == _END and size_bytes <= limits.json_bytes_max:
            return _contents(path, b"".join(chunks), digest)
        digest.add(_named(name, size_bytes))
        for chunk in chunks:
            digest.add(chunk)
    raise no_backup(path)


def no_backup(path: Path) -> InvalidInput:
    """Return the error for a file that is not a whole backup."""
    return InvalidInput(
        f"{path} is not a backup of fednet, or is incomplete. Nothing was restored. Choose another "
        "file.",
        field="file",
    )


def _check_format(path: Path, first_name: str) -> None:
    number = first_name.removeprefix(_BEGIN)
    if not first_name.startswith(_BEGIN) or not number.isdecimal():
        raise no_backup(path)
    if int(number) > _FORMAT:
        raise FailedPrecondition(
            f"{path} was written by a newer version of fednet (format {number}, this one knows "
            f"{_FORMAT}): upgrade fednet on this machine.",
            field="file",
        )


def _contents(path: Path, end: bytes, digest: RunningDigest) -> BackupContents:
    try:
        said = json.loads(end)
        if said.pop("sha256") != _sealed(digest, said):
            raise no_backup(path)
        return BackupContents(**said)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise no_backup(path) from error


def _sealed(digest: RunningDigest, said: dict[str, Any]) -> str:
    """Return the digest of all members and of the values at the end."""
    digest.add(json.dumps(said, sort_keys=True).encode())
    return digest.digest.value


def _named(name: str, size_bytes: int) -> bytes:
    return f"{name}\0{size_bytes}\0".encode(errors="surrogateescape")


def _chunks(path: Path, content: IO[bytes]) -> Iterator[bytes]:
    with _file_errors(path):
        while chunk := content.read(limits.chunk_bytes):
            yield chunk


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Map errors of the file and of its format to ours."""
    try:
        yield
    except (tarfile.TarError, EOFError) as error:
        raise no_backup(path) from error
    except OSError as error:
        raise FailedPrecondition(f"Cannot read the backup {path}: {error}.") from error
