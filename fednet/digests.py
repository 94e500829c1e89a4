"""Digests of bytes in memory, of files and of bytes that pass; and content that carries its own.

Models and updates have a BLAKE3 digest (O'Connor, Aumasson, Neves and Wilcox-O'Hearn, "BLAKE3", 2020), which is several
times faster than SHA-256 (FIPS 180-4). Whatever people or other systems compare has a SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Self

from blake3 import blake3

from fednet import limits
from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path


class Algorithm(StrEnum):
    """A digest algorithm; each gives 32 bytes."""

    BLAKE3 = "blake3"
    SHA256 = "sha256"


_NEW: Final[Mapping[Algorithm, Callable[[], Any]]] = {
    Algorithm.BLAKE3: blake3,
    Algorithm.SHA256: hashlib.sha256,
}
_VALUE: Final = re.compile("[0-9a-f]{64}")
DIGEST_PATTERN: Final = rf"^({Algorithm.BLAKE3}:)?{_VALUE.pattern}$"
"""The form of a digest's text."""


@dataclass(frozen=True)
class Digest:
    """The digest of a file or blob.

    Attributes:
        algorithm: The algorithm.
        value: 64 hexadecimal digits, in lower case.
        size_bytes: The number of bytes of the file.

    Raises:
        InvalidInput: The value is invalid.
    """

    algorithm: Algorithm
    value: str
    size_bytes: int

    def __post_init__(self) -> None:
        if not is_value(self.value):
            raise _invalid("digest", self.value)

    @classmethod
    def read(cls, text: str, size_bytes: int, field: str = "digest") -> Self:
        """Return the digest in a text, see `text`.

        Raises:
            InvalidInput: The text is not a digest; the error names the field.
        """
        name, colon, value = text.rpartition(":")
        if name != (Algorithm.BLAKE3 if colon else "") or not is_value(value):
            raise _invalid(field, text)
        return cls(Algorithm.BLAKE3 if colon else Algorithm.SHA256, value, size_bytes)

    @property
    def text(self) -> str:
        """The algorithm and the value, such as `blake3:af13…`; of a SHA-256, which needs no name, only the value."""
        is_plain = self.algorithm is Algorithm.SHA256
        return self.value if is_plain else f"{self.algorithm}:{self.value}"

    @property
    def sha256(self) -> str | None:
        """The value, if it is a SHA-256."""
        return self.value if self.algorithm is Algorithm.SHA256 else None

    def is_of_file(self, path: Path) -> bool:
        """Return True if a file has this size and this digest; a file of another size is not read.

        Raises:
            OSError: The file cannot be read.
        """
        with path.open("rb", buffering=0) as file:
            return self.is_of_open_file(file)

    def is_of_open_file(self, file: BinaryIO) -> bool:
        """Return True if an open file has this size and this digest from its beginning; its position moves."""
        return file.seek(0, 2) == self.size_bytes and digest_of_open(file, self.algorithm) == self


def is_value(text: str) -> bool:
    """Return True if a text has the form of a digest's value: 64 hexadecimal digits, in lower case."""
    return _VALUE.fullmatch(text) is not None


def _invalid(field: str, text: str) -> InvalidInput:
    return InvalidInput(
        f"Invalid {field} {text[:80]!r}: use 'blake3:' and 64 hexadecimal digits, or the 64 digits of a SHA-256.",
        field=field,
    )


class RunningDigest:
    """The digest of bytes that pass piece by piece.

    Args:
        algorithm: The algorithm.

    Attributes:
        size_bytes: The number of bytes so far.
    """

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm
        self._hash = _NEW[algorithm]()
        self.size_bytes = 0

    @property
    def digest(self) -> Digest:
        """The digest of the bytes so far."""
        return Digest(self._algorithm, self._hash.hexdigest(), self.size_bytes)

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
        copy = RunningDigest(self._algorithm)
        copy._hash, copy.size_bytes = self._hash.copy(), self.size_bytes
        return copy


def digest_of(data: bytes | memoryview, algorithm: Algorithm) -> Digest:
    """Return the digest of bytes in memory."""
    running = RunningDigest(algorithm)
    running.add(data)
    return running.digest


def digest_of_file(path: Path, algorithm: Algorithm) -> Digest:
    """Return the digest of a file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        return digest_of_open(file, algorithm)


def digest_of_open(file: BinaryIO, algorithm: Algorithm) -> Digest:
    """Return the digest of an open file from its beginning; its position moves."""
    file.seek(0)
    running = RunningDigest(algorithm)
    piece = memoryview(bytearray(limits.chunk_bytes))
    while count := file.readinto(piece):  # type: ignore[attr-defined]  # every binary file has it
        running.add(piece[:count])
    return running.digest


def sha256_of(data: bytes | memoryview) -> str:
    """Return the SHA-256 of bytes in memory, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sealed(body: bytes) -> bytes:
    """Return a body behind a line with its digest; see `unsealed`."""
    return sha256_of(body).encode() + b"\n" + body


def unsealed(content: bytes) -> bytes | None:
    """Return the body of sealed content; None if it is damaged."""
    digest, _, body = content.partition(b"\n")
    return body if sha256_of(body).encode() == digest else None
