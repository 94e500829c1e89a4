"""The surroundings of one run of a client inside a user's program: its temporary folder, and signals."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from fednet.errors import FailedPrecondition
from fednet.processes import FolderLock, SignalWatch, handle_signal

_PREFIX = "fednet-client-"


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder for credentials and unsent updates (mode 0700), and remove it at the end.

    A process that is killed leaves its folder. Each later one of the same user removes such folders.
    """
    _remove_those_of_the_dead()
    temporary = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    with temporary as name, FolderLock(Path(name), "client"):
        yield Path(name)


@contextlib.contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM while the block lasts; then end the process by the signal, as without us.

    A program that handles or ignores the signal keeps its way, and so does a thread that is not the main one.
    """
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_ours:
        yield
        return
    came = threading.Event()

    def interrupt(*_: object) -> None:
        came.set()
        raise KeyboardInterrupt

    handle_signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if came.is_set():
            os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def woken_by_signals(wake: Callable[[], None]) -> Iterator[None]:
    """Call `wake` after each signal while the block lasts, so that the main thread handles it.

    Args:
        wake: Called in another thread; it makes the main thread leave its wait for a moment.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with contextlib.closing(SignalWatch(wake)):
        yield


def _remove_those_of_the_dead() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if _is_left_behind(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left_behind(folder: Path) -> bool:
    """Return True for a folder of this user whose owner has ended: it has written its process id, and has no lock."""
    try:
        is_own = folder.stat(follow_symlinks=False).st_uid == os.getuid()
        if not is_own or not (folder / ".lock").read_text():
            return False
        FolderLock(folder, "client").release()
    except (OSError, FailedPrecondition):
        return False
    return True
