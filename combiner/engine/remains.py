"""Large files of phases that are over, each deleted when a new update comes: the system gives its memory to that one.

The content of a file that was just written lies in memory. If the file is deleted long before the next one comes, a
virtual machine gives the memory back to its host, and gets it again page by page: at updates of 200 MB this is a large
part of a combiner's time. For worker threads.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path


class Remains:
    """The files of the phase that was over last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paths: list[Path] = []

    def take(self, paths: Iterable[Path]) -> None:
        """Take these files in place of the earlier ones, which are deleted."""
        with self._lock:
            earlier, self._paths = self._paths, list(paths)
        _delete(earlier)

    def make_room(self) -> None:
        """Delete one file, if there is one: another one of its size is about to be written."""
        with self._lock:
            paths = [self._paths.pop()] if self._paths else []
        _delete(paths)

    def clear(self) -> None:
        """Delete all files: no update comes."""
        self.take([])


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
