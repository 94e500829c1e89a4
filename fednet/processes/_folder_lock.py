"""A lock on a folder that one process owns; the system releases it when the process ends."""

from __future__ import annotations

import fcntl
import os
import weakref
from pathlib import Path
from typing import Self

from fednet.errors import FailedPrecondition
from fednet.files import private_folder, warn_of_others

_NAME = ".lock"
_PID_BYTES_MAX = 32
_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


class FolderLock:
    """The right of one process to a folder, from the construction until `release`.

    The lock is an flock on `<folder>/.lock`. That file holds the owner's process id and stays when the lock is
    released. A fork of the owner does not share the lock.

    Args:
        folder: The folder. It is created if it is missing.
        what: The name of the folder's owner in messages, such as "client".

    Raises:
        FailedPrecondition: Another process has the folder, or the folder cannot be used; the field is `data_dir`.
    """

    def __init__(self, folder: Path, what: str) -> None:
        self._descriptor = _opened(folder, what)
        # An owner that is garbage-collected releases its folder.
        self._close = weakref.finalize(self, _unlock_and_close, self._descriptor)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as error:
            owner = _owner(self._descriptor)
            self.forget()
            raise FailedPrecondition(
                f"The {what}'s folder {folder} is in use by {owner}. End that process, or choose another folder "
                "with --data-dir.",
                field="data_dir",
            ) from error
        except OSError as error:
            self._close()
            raise _unusable(folder, what, error) from error
        _held.add(self)
        warn_of_others(folder)

    def release(self) -> None:
        """Release the folder; a second call does nothing."""
        self._close()

    def forget(self) -> None:
        """Close this process's copy of the lock; the process that forked it keeps the folder."""
        if self._close.detach():
            os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_locked(folder: Path) -> bool:
    """Return True if a process has locked a folder."""
    try:
        with (folder / _NAME).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _opened(folder: Path, what: str) -> int:
    try:
        private_folder(folder)
        return os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(folder, what, error) from error


def _unlock_and_close(descriptor: int) -> None:
    """Unlock, also if a child process holds a copy because it has not executed its program yet."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _unusable(folder: Path, what: str, error: OSError) -> FailedPrecondition:
    return FailedPrecondition(
        f"Cannot use the {what}'s folder {folder}: {error.strerror}. Choose another folder with --data-dir.",
        field="data_dir",
    )


def _owner(descriptor: int) -> str:
    """Return the owner's process id in words; an owner writes its id a moment after it has the lock."""
    pid = os.pread(descriptor, _PID_BYTES_MAX, 0).decode(errors="replace").strip()
    return f"the process {pid}" if pid.isdecimal() else "another process"


def _close_in_child() -> None:
    """Close a fork's copies, which would keep the locks after the owner's death."""
    for lock in list(_held):
        lock.forget()


os.register_at_fork(after_in_child=_close_in_child)
