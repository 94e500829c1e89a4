"""The SHA-256 of bytes in memory, of files and of bytes that pass; and content that carries its own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def sha256_of(data: bytes | memoryview) -> str:
    """Return the digest of bytes in memory, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the digest of a file, hexadecimal."""
    with path.open("rb", buffering=0) as file:
        return sha256_of_open_file(file)


def sha256_of_open_file(file: BinaryIO) -> str:
    """Return the digest of an open file from its beginning, hexadecimal; its position moves."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it takes any binary file


class RunningDigest:
    """The size and the digest of bytes that pass piece by piece.

    Attributes:
        size_bytes: The number of bytes so far.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """The digest of the bytes so far, hexadecimal."""
        return self._hash.hexdigest()

    def add(self, data: bytes | memoryview) -> None:
        """Count a piece."""
        self._hash.update(data)
        self.size_bytes += len(data)

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Count pieces on their way, and yield each."""
        for piece in pieces:
            self.add(piece)
            yield piece

    def copy(self) -> RunningDigest:
        """Return a digest of the same bytes, which goes on by itself."""
        copy = RunningDigest()
        copy._hash, copy.size_bytes = self._hash.copy(), self.size_bytes
        return copy


def sealed(body: bytes) -> bytes:
    """Return a body behind a line with its digest; see `unsealed`."""
    return sha256_of(body).encode() + b"\n" + body


def unsealed(content: bytes) -> bytes | None:
    """Return the body of sealed content; None if it is damaged."""
    digest, _, body = content.partition(b"\n")
    return body if sha256_of(body).encode() == digest else None
