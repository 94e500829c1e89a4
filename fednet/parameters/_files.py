"""The border to the file system: its errors become ours, and a file appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from fednet.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


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


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write: it takes the place of `path` if the block ends well, and vanishes if not."""
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False
    ) as file:
        try:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
    _sync_folder(path.parent)


class Writable(Protocol):
    """What a model can be written to: a binary stream, which is never read or sought."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Append."""


class DigestedFile:
    """A file that counts and digests what is written to it.

    Attributes:
        size_bytes: How much that is.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    @property
    def hexdigest(self) -> str:
        """The SHA-256, in hexadecimal."""
        return self._sha256.hexdigest()

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        self._file.write(data)
        self._sha256.update(data)
        self.size_bytes += len(data)


@contextmanager
def written(path: Path) -> Iterator[DigestedFile]:
    """A file to write, whole or not at all, with its size and digest; see `file_errors`."""
    with file_errors(path), atomic_file(path) as file:
        yield DigestedFile(file)


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
