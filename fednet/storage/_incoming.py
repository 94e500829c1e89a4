"""Files that are being written: each is locked while its writer lives.

The kernel releases a lock when its process dies. So the files of dead writers can be recognised and removed.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path


class Incoming:
    """The folder of files that are being written.

    Args:
        folder: The folder, in the file system of the finished files; created if absent.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def create(self) -> FileIO:
        """Create a file, unbuffered and locked; its `name` is its path."""
        while True:
            file = (self._folder / uuid.uuid4().hex).open("xb", buffering=0)
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink:
                return file
            file.close()  # another process has called `clean` between the two calls

    def clean(self) -> None:
        """Delete the files of writers that have died."""
        for path in self._folder.iterdir():
            try:
                with path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
            except (BlockingIOError, FileNotFoundError):
                continue  # its writer lives, or has just finished it
