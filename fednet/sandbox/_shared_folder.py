"""A folder that code from afar may write too: no link of it is followed, and none of its pipes is waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO, Self

from fednet import limits
from fednet.files import PRIVATE, whole_file


class SharedFolder:
    """A folder that stays the same one, whatever code from afar renames.

    Such code could put a link in the place of a file, to a file that it cannot read or write itself, or a pipe that has
    no other end.

    Args:
        path: The folder, which was made just now.

    Raises:
        OSError: There is no such folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        self._folder = os.open(path, flags)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)

    def write(self, name: str, text: str) -> None:
        """Write a new file.

        Raises:
            OSError: There is such a file already, or it cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(
            os.open(name, flags, 0o600, dir_fd=self._folder), "w", encoding="utf-8"
        ) as file:
            file.write(text)

    def open(self, name: str) -> IO[bytes]:
        """Open a regular file for reading.

        Raises:
            FileNotFoundError: There is none of this name.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            file = os.fdopen(os.open(name, flags, dir_fd=self._folder), "rb")
        except OSError as error:
            raise _absent(name) from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise _absent(name)
        return file

    def take(self, name: str, target: Path) -> None:
        """Move the content of a regular file to a new file outside of the folder.

        It is copied, because code that holds the file open could go on writing it, and change it while it is read.

        Raises:
            FileNotFoundError: There is none of this name.
            OSError: It cannot be written there.
        """
        with self.open(name) as file:
            os.unlink(name, dir_fd=self._folder)
            with whole_file(target, mode=PRIVATE) as taken:
                _copy(file, taken)


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy a file; zeros become holes, so that the copy takes no more of the disk than a source with holes."""
    while piece := source.read(limits.MIB):
        if piece.lstrip(b"\0"):
            target.write(piece)
        else:
            target.seek(len(piece), os.SEEK_CUR)
    target.truncate()


def _absent(name: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "There is no such file", name)
