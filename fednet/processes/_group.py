"""The process group that does some work: known to the reaper, and ended at once when it has to be."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from fednet import limits

if TYPE_CHECKING:
    import subprocess

    from fednet.processes._lifeline import Lifeline


class Group:
    """One process with all that it starts; `cancel` and `kill` may be called from another thread.

    Args:
        lifeline: Sees to it that the group ends with this process.
    """

    def __init__(self, lifeline: Lifeline) -> None:
        self._lifeline = lifeline
        self._lock = threading.Lock()
        self._id: int | None = None
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether the present task was cancelled."""
        with self._lock:
            return self._is_cancelled

    def begin_task(self) -> None:
        """Forgets a cancel: it was meant for the task before."""
        with self._lock:
            self._is_cancelled = False

    def admit(self, process: subprocess.Popen[bytes]) -> bool:
        """Takes charge of a process that leads a group of its own and has not begun yet.

        Returns:
            Whether it may begin; if not, the task was cancelled, and the process is killed.
        """
        self._lifeline.hold(process.pid)
        with self._lock:
            self._id = process.pid
        if self.is_cancelled:
            self.kill()
            return False
        return True

    def cancel(self) -> None:
        """Kills what runs; the task's later processes will not begin."""
        with self._lock:
            self._is_cancelled = True
        self.kill()

    def kill(self) -> None:
        """Kills what runs, if something does."""
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if self._id is not None:
                os.killpg(self._id, signal.SIGKILL)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kills a process and its group, and waits for it; the group's id is taken while others are in it."""
        with self._lock:
            self._id = process.pid
        self.kill()
        process.wait()
        with self._lock:
            self._id = None
        self._lifeline.release(process.pid)


def how_it_ended(exit_code: int, printed: str) -> str:
    """The end of a sentence about a process that did not end well, with its last words."""
    *_, last = ["", *filter(None, map(str.strip, printed.splitlines()))]
    said = f": {last}"[: limits.problem_characters_max].rstrip(".") if last else ""
    return f"{_how(exit_code)}{said}"


def _how(exit_code: int) -> str:
    if exit_code == 0:
        return "ended before it had answered"
    if exit_code > 0:
        return f"failed with exit code {exit_code}"
    return f"was ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
