"""The border to the file system: its errors become ours, and a file appears whole or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol

from fednet.digests import RunningDigest
from fednet.errors import NotFound, Unavailable
from fednet.files import PRIVATE, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Name what the operating system refused.

    Raises:
        NotFound: There is no such file, or no folder for it.
        Unavailable: It cannot be read or written now: rights, a full disk, too many open files.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"There is no model file {path}, or no folder for it.") from error
    except OSError as error:
        raise Unavailable(
            f"The model file {path} cannot be read or written: {error.strerror or error}. Check "
            "the rights and the free space of its folder."
        ) from error


class Writable(Protocol):
    """What a model can be written to: a binary stream, which is never read or sought."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Append."""


class DigestedFile:
    """A file with the digest of all that is written to it.

    Attributes:
        digest: The size and the digest.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = RunningDigest()

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        self._file.write(data)
        self.digest.add(data)


@contextmanager
def written(path: Path) -> Iterator[DigestedFile]:
    """Open a file that appears whole or not at all, with its size and digest; see `file_errors`."""
    with file_errors(path), whole_file(path, mode=PRIVATE, durable=True) as file:
        yield DigestedFile(file)
