"""The process of a task, ended at once on demand."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

from fednet import limits

if TYPE_CHECKING:
    from fednet.processes._supervised import Supervised


class Group:
    """One process with its descendants; `cancel` and `kill` may be called from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: Supervised | None = None
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

    def admit(self, process: Supervised) -> None:
        """Take charge of a process; kill it if the task was cancelled meanwhile."""
        with self._lock:
            self._process = process
        if self.is_cancelled:
            self.kill()

    def cancel(self) -> None:
        """Kill the running process, and let the task begin no further one."""
        with self._lock:
            self._is_cancelled = True
        self.kill()

    def kill(self) -> None:
        """Kill the running process, if there is one."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def end(self, process: Supervised) -> None:
        """Kill a process with its descendants, and wait for their end."""
        with self._lock:
            self._process = None
        process.end()


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
