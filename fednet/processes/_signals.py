"""Signals of this process alone: a forked child of it begins without them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Handler: TypeAlias = "Callable[[int, FrameType | None], Any]"

_handled: Final[dict[int, Handler]] = {}
_watches: Final[set[SignalWatch]] = set()
_before_fork: Final = threading.local()  # the signal mask of the thread that forks


def handle_signal(number: int, handler: Handler) -> None:
    """Let a function handle a signal. The main thread calls it.

    In a forked child the system's default holds again. The pools of `multiprocessing` end their processes by SIGTERM,
    and Python handles a signal that comes just before a wait only after the wait, which may have no end.
    """
    _handled[number] = handler
    signal.signal(number, handler)


class SignalWatch:
    """Calls a function after each signal that Python handles, until it is closed. The main thread makes it.

    The system may give a signal to any thread. Python handles it in the main thread, which such a signal does not wake,
    and which one just before a wait does not wake either. Whoever was told of signals before is told of them, too.

    Args:
        on_signal: Called in a thread of its own.
    """

    def __init__(self, on_signal: Callable[[], None]) -> None:
        self._on_signal = on_signal
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
        self._thread.start()
        _watches.add(self)

    def close(self) -> None:
        """Call nothing more."""
        _watches.discard(self)
        signal.set_wakeup_fd(self._before)
        os.close(self._writer)
        self._thread.join()

    def forget(self) -> None:
        """Close the copies of a forked child, which would keep our thread waiting for their end."""
        os.close(self._reader)
        os.close(self._writer)

    def _run(self) -> None:
        while number := os.read(self._reader, 1):
            self._on_signal()
            if self._before >= 0:
                with contextlib.suppress(OSError):
                    os.write(self._before, number)
        os.close(self._reader)


def _hold_signals() -> None:
    """Let no handled signal reach the forking thread: Python forgets one that comes before the child is set up."""
    _before_fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, _handled)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _before_fork.mask)


def _leave_signals_to_the_system() -> None:
    """Begin a forked child: its signals are not ours, and ours are not its."""
    if _watches:
        signal.set_wakeup_fd(-1)
    for watch in _watches:
        watch.forget()
    _watches.clear()
    for number, handler in _handled.items():
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL)
    _handled.clear()
    _release_signals()


os.register_at_fork(
    before=_hold_signals,
    after_in_parent=_release_signals,
    after_in_child=_leave_signals_to_the_system,
)
