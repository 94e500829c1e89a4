"""The bell of an agent: a command of the site's owner rings it after a new decision, and nobody polls.

It is a FIFO in the client's folder (mode 0600). It carries no decision: the agent reads those from their file.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fednet.files import PRIVATE

_log = logging.getLogger(__name__)
_BYTES_MAX = 4096


class Bell:
    """The bell of one agent, heard in a thread of its own.

    Args:
        folder: The client's folder.
        heard: Called when it begins to listen, because earlier rings are lost, and after one or several rings.
    """

    def __init__(self, folder: Path, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._path = _path(folder)
        self._descriptor: int | None = None
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="approvals", daemon=True)

    def hang(self) -> bool:
        """Begin to listen; return False if there can be no FIFO, for instance on a file system that has none."""
        try:
            self._descriptor = _opened(self._path)
        except OSError as error:
            _log.warning(
                "decisions about packages and settings take effect with the next task only: %s",
                error,
            )
            return False
        self._thread.start()
        return True

    def close(self) -> None:
        """End the thread, and take the bell away."""
        self._is_closed.set()
        if (descriptor := self._descriptor) is None:
            return
        self._descriptor = None
        os.write(descriptor, b"\n")
        self._thread.join()
        self._path.unlink(missing_ok=True)
        os.close(descriptor)

    def _listen(self) -> None:
        descriptor = self._descriptor
        assert descriptor is not None
        while not self._is_closed.is_set():
            self._hear()
            os.read(descriptor, _BYTES_MAX)

    def _hear(self) -> None:
        try:
            self._heard()
        except Exception:  # noqa: BLE001  the bell outlives any error of its listener
            _log.exception("a decision about a package or settings was not taken in")


def ring(folder: Path) -> bool:
    """Tell the running agent of a new decision; return False if no agent listens."""
    try:
        descriptor = os.open(_path(folder), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            with suppress(BlockingIOError):  # it is full of rings
                os.write(descriptor, b"\n")
            return True
        return False
    finally:
        os.close(descriptor)


def _path(folder: Path) -> Path:
    return folder / "approvals.bell"


def _opened(path: Path) -> int:
    """Make the FIFO anew and open it for both ends, so that a read waits for the next ring."""
    path.unlink(missing_ok=True)
    os.mkfifo(path, PRIVATE)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)
