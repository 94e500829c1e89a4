"""Shell commands of a package, one after another, each with its own process group and a time limit.

A command is started and waits for a line on its stdin; the reaper learns its group; then it gets the line and begins.
So there is no moment at which it runs and nobody would end it. When its shell has ended, its background processes are
killed.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from fednet.errors import TaskFailed
from fednet.processes import Output, how_it_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fednet.processes import Group

# Block until the agent sends a line; exit if the agent dies first.
_PRELUDE = "read -r _ || exit 1\nexec </dev/null\n"


class Commands:
    """The commands of a package.

    Args:
        folder: The folder in which commands run.
        seconds_max: The time limit of each command.
        group: Ends the running command when a task is cancelled.
        on_output: Called with each piece of their output when it arrives.
    """

    def __init__(
        self,
        folder: Path,
        seconds_max: float,
        group: Group,
        on_output: Callable[[bytes], None],
    ) -> None:
        self._folder = folder
        self._seconds_max = seconds_max
        self._group = group
        self._on_output = on_output

    def run(self, name: str, command: str, environment: Mapping[str, str]) -> str:
        """Run a shell command to its end.

        Returns:
            The end of its output, at most limits.traceback_characters_max characters.

        Raises:
            TaskFailed: The command could not be started, failed, took too long or was cancelled.
        """
        process = _start(name, command, self._folder, environment)
        with process, closing(Output(process, self._on_output)) as output:
            try:
                if self._group.admit(process):
                    _begin(process)
                in_time = output.follow(self._seconds_max, self._group.kill)
            finally:
                # Also after the end of its shell, to end the shell's background processes.
                self._group.end(process)
        self._check(name, process.returncode, output.text, in_time=in_time)
        return output.text

    def _check(self, name: str, exit_code: int, printed: str, *, in_time: bool) -> None:
        what = f"The package's {name} command"
        if self._group.is_cancelled:
            raise TaskFailed(f"{what} was cancelled.", traceback=printed)
        if not in_time:
            raise TaskFailed(
                f"{what} took longer than {self._seconds_max:g} seconds and was stopped.",
                traceback=printed,
            )
        if exit_code != 0:
            raise TaskFailed(f"{what} {how_it_ended(exit_code, printed)}.", traceback=printed)


def _begin(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(b"\n")


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
        raise TaskFailed(f"Cannot start the package's {name} command: {error}") from error
