"""The process group of a task: known to the reaper, and ended at once on demand."""

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
    """One process with its descendants; `cancel` and `kill` may be called from another thread.

    Args:
        lifeline: Ends the group with this process.
    """

    def __init__(self, lifeline: Lifeline) -> None:
        self._lifeline = lifeline
        self._lock = threading.Lock()
        self._id: int | None = None
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """True if the current task was cancelled."""
        with self._lock:
            return self._is_cancelled

    def begin_task(self) -> None:
        """Forget a cancel of the previous task."""
        with self._lock:
            self._is_cancelled = False

    def admit(self, process: subprocess.Popen[bytes]) -> bool:
        """Take charge of a process that leads a group of its own and has not begun yet.

        Returns:
            True if the process may begin; False if the task was cancelled, and the process is killed.
        """
        self._lifeline.hold(process.pid)
        with self._lock:
            self._id = process.pid
        if self.is_cancelled:
            self.kill()
            return False
        return True

    def cancel(self) -> None:
        """Kill the running process, and let the task begin no further one."""
        with self._lock:
            self._is_cancelled = True
        self.kill()

    def kill(self) -> None:
        """Kill the running process, if there is one."""
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if self._id is not None:
                os.killpg(self._id, signal.SIGKILL)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process and its group, and wait for the process; the group's id is reserved while others are in it."""
        with self._lock:
            self._id = process.pid
        self.kill()
        process.wait()
        with self._lock:
            self._id = None
        self._lifeline.release(process.pid)


def how_it_ended(exit_code: int, printed: str) -> str:
    """Return the end of a sentence about a process that failed, with the end of its output."""
    *_, last = ["", *filter(None, map(str.strip, printed.splitlines()))]
    said = f": {last}"[: limits.problem_characters_max].rstrip(".") if last else ""
    return f"{_how(exit_code)}{said}"


def _how(exit_code: int) -> str:
    if exit_code == 0:
        return "ended before it answered"
    if exit_code > 0:
        return f"failed with exit code {exit_code}"
    return f"was ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
