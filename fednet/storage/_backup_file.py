"""The file of a backup: a tar whose last member counts all others and holds their digest.

    fednet-backup.json                  the format's number
    documents/<collection>/<n>.jsonl    documents, one in each line, in the order of insertion
    blobs/<folder>/<name>.blob          a blob, named as a folder of blobs names it
    end.json                            what there is, and the SHA-256 of every name, size and content

Without its end, or with another digest, it is no backup: whoever restores reads all of it first.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from dataclasses import asdict, dataclass, field
from typing import IO, TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.errors import Conflict, FailedPrecondition, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FORMAT: Final = 1
_BEGIN: Final = "fednet-backup.json"
_END: Final = "end.json"


@dataclass
class Contents:
    """What a backup holds.

    Attributes:
        documents: How many documents, for each collection.
        blobs: How many blobs.
        blob_bytes: Their bytes together.
    """

    documents: dict[str, int] = field(default_factory=dict)
    blobs: int = 0
    blob_bytes: int = 0


class BackupWriter:
    """Writes one member after the other.

    Args:
        file: Where to; it is neither flushed nor closed.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._add_json(_BEGIN, {"format": _FORMAT})

    def add(self, name: str, size_bytes: int, content: Iterable[bytes]) -> None:
        """Write a member.

        Raises:
            Conflict: The content has another size: it was replaced meanwhile.
        """
        header = tarfile.TarInfo(name)
        header.size, header.mode = size_bytes, 0o600
        self._file.write(header.tobuf(tarfile.PAX_FORMAT))
        self._digest.update(_named(name, size_bytes))
        left = size_bytes
        for chunk in content:
            self._file.write(chunk)
            self._digest.update(chunk)
            left -= len(chunk)
        if left:
            raise Conflict(f"{name} was replaced while it was read: make the backup again.")
        self._file.write(bytes(-size_bytes % tarfile.BLOCKSIZE))

    def end(self, contents: Contents) -> None:
        """Write the last member: from here on it is a backup."""
        self._add_json(_END, asdict(contents) | {"sha256": self._digest.hexdigest()})
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))

    def _add_json(self, name: str, value: Any) -> None:
        content = json.dumps(value).encode()
        self.add(name, len(content), [content])


def members(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Each member of a backup's file: its name, its size and, until the next one, its content.

    Raises:
        InvalidInput: It is no tar of plain files, or not all of one.
        FailedPrecondition: It cannot be read.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            while (header := archive.next()) is not None:
                content = archive.extractfile(header)
                if content is None:
                    raise no_backup(path)
                yield header.name, header.size, content
                # Or it would remember every one of them.
                archive.members.clear()  # type: ignore[attr-defined]  # the stubs leave it out
    except (tarfile.TarError, EOFError) as error:
        raise no_backup(path) from error
    except OSError as error:
        raise FailedPrecondition(f"The backup {path} cannot be read: {error}.") from error


def check_backup(path: Path) -> Contents:
    """What a backup holds; all of it is read, and compared with what its end says.

    Raises:
        InvalidInput: It is no backup, or not a whole one.
        FailedPrecondition: It cannot be read, or a newer version of fednet has written it.
    """
    digest = hashlib.sha256()
    for name, size_bytes, content in members(path):
        if name == _BEGIN:
            _check_format(path, _json(path, content))
            content.seek(0)
        if name == _END:
            return _contents(path, _json(path, content), digest.hexdigest())
        digest.update(_named(name, size_bytes))
        for chunk in chunks(content):
            digest.update(chunk)
    raise no_backup(path)


def chunks(content: IO[bytes]) -> Iterator[bytes]:
    """What is left of a member's content."""
    while chunk := content.read(limits.chunk_bytes):
        yield chunk


def no_backup(path: Path) -> InvalidInput:
    """The error for a file that is not what it must be."""
    return InvalidInput(
        f"{path} is no backup of fednet, or not a whole one: nothing was taken from it. "
        "Take another.",
        field="file",
    )


def _contents(path: Path, end: dict[str, Any], digest: str) -> Contents:
    if end.pop("sha256", None) != digest:
        raise no_backup(path)
    return Contents(**end)


def _named(name: str, size_bytes: int) -> bytes:
    return f"{name}\0{size_bytes}\0".encode()


def _json(path: Path, content: IO[bytes]) -> dict[str, Any]:
    try:
        value = json.loads(content.read(limits.json_bytes_max))
    except ValueError as error:
        raise no_backup(path) from error
    return value if isinstance(value, dict) else {}


def _check_format(path: Path, begin: dict[str, Any]) -> None:
    found = begin.get("format")
    if isinstance(found, int) and found > _FORMAT:
        raise FailedPrecondition(
            f"{path} was written by a newer version of fednet (format {found}, this one knows "
            f"{_FORMAT}): upgrade fednet here.",
            field="file",
        )
