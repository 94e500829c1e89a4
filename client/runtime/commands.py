"""Runs one shell command after another, each in a process group of its own, with bounds.

A command is started but waits for a line on its stdin; its group is told to the reaper; then it
gets the line and begins. So there is no moment at which it runs and nobody would end it. It is over
when its shell has ended: what it left in the background is killed then.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from fednet.errors import TaskFailed

from .lifeline import Lifeline
from .output import Output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Waits for the line; at the end of the pipe instead, which means that the agent died, it gives up.
_PRELUDE = "read -r _ || exit 1\nexec </dev/null\n"


class Commands:
    """Runs the commands of a package's tasks; `cancel` may be called from another thread.

    Args:
        folder: The folder that commands run in.
        seconds_max: How long each may take.
    """

    def __init__(self, folder: Path, seconds_max: float) -> None:
        self._folder = folder
        self._seconds_max = seconds_max
        self._lifeline = Lifeline()
        self._lock = threading.Lock()
        self._group: int | None = None
        self._cancelled = False

    def begin_task(self) -> None:
        """Forgets a cancel: it was meant for the task before."""
        with self._lock:
            self._cancelled = False

    def run(self, name: str, command: str, environment: Mapping[str, str]) -> str:
        """Runs a shell command to its end.

        Returns:
            The end of what it printed, at most limits.traceback_characters_max characters.

        Raises:
            TaskFailed: It could not be started, failed, took too long or was cancelled.
        """
        with _start(name, command, self._folder, environment) as process:
            output = Output(process)
            try:
                self._admit(process)
                in_time = output.follow(self._seconds_max, self._kill)
            finally:
                self._end(process)
        self._check(name, process.returncode, output.text, in_time=in_time)
        return output.text

    def cancel(self) -> None:
        """Kills the running command; the task's later ones will not begin."""
        with self._lock:
            self._cancelled = True
        self._kill()

    def close(self) -> None:
        """Ends what runs, and the reaper."""
        self.cancel()
        self._lifeline.close()

    def _admit(self, process: subprocess.Popen[bytes]) -> None:
        self._lifeline.hold(process.pid)
        with self._lock:
            self._group = process.pid
            is_cancelled = self._cancelled
        if is_cancelled:
            self._kill()
            return
        assert process.stdin is not None
        with suppress(BrokenPipeError), process.stdin:
            process.stdin.write(b"\n")

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        # Also when its shell has ended: the group's id stays taken while others are in it.
        with self._lock:
            self._group = process.pid
        self._kill()
        process.wait()
        with self._lock:
            self._group = None
        self._lifeline.release(process.pid)

    def _kill(self) -> None:
        with self._lock, suppress(ProcessLookupError, PermissionError):
            if self._group is not None:
                os.killpg(self._group, signal.SIGKILL)

    def _check(self, name: str, exit_code: int, printed: str, *, in_time: bool) -> None:
        what = f"The package's {name} command"
        if self._cancelled:
            raise TaskFailed(f"{what} was cancelled.", traceback=printed)
        if not in_time:
            raise TaskFailed(
                f"{what} took longer than {self._seconds_max:g} seconds and was stopped.",
                traceback=printed,
            )
        if exit_code != 0:
            raise TaskFailed(f"{what} {_how_it_ended(exit_code)}.", traceback=printed)


def _start(
    name: str, command: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    shell = shutil.which("bash") or "sh"
    try:
        return subprocess.Popen(
            [shell, "-c", _PRELUDE + command],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise TaskFailed(f"The package's {name} command cannot be started: {error}") from error


def _how_it_ended(exit_code: int) -> str:
    if exit_code > 0:
        return f"failed with exit code {exit_code}"
    return f"was ended by signal {-exit_code} ({signal.strsignal(-exit_code)})"
