"""The border to the file system: maps its errors to ours, and writes whole files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol

from fednet.digests import Algorithm, Digest, RunningDigest
from fednet.errors import NotFound, Unavailable
from fednet.files import PRIVATE, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Map errors of the operating system to ours.

    Raises:
        NotFound: The file or its folder does not exist.
        Unavailable: The file cannot be read or written now: rights, a full disk, too many open files.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"The model file {path} does not exist, or its folder does not.") from error
    except OSError as error:
        raise Unavailable(
            f"Cannot read or write the model file {path}: {error.strerror or error}. Check the "
            "rights and the free space of its folder."
        ) from error


class Writable(Protocol):
    """A binary stream to write a model to; it is never read or sought."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Append."""


class DigestedFile:
    """A file with the digest of all that is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._running = RunningDigest(Algorithm.BLAKE3)

    @property
    def digest(self) -> Digest:
        """The size and the BLAKE3 digest so far."""
        return self._running.digest

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        self._file.write(data)
        self._running.add(data)


@contextmanager
def written(path: Path) -> Iterator[DigestedFile]:
    """Open a file that appears whole or not at all, with its size and digest; see `file_errors`."""
    with file_errors(path), whole_file(path, mode=PRIVATE) as file:
        yield DigestedFile(file)
