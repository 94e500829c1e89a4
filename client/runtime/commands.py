"""Shell commands of a package, one after another, each in its box and with a time limit.

When a command has ended, the processes that it has left behind are killed.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from fednet.errors import TaskFailed
from fednet.processes import Output, Supervised, how_it_ended

from .exceeded import beyond_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fednet.processes import Group
    from fednet.sandbox import Box, Sandbox


class Commands:
    """The commands of a package.

    Args:
        folder: The folder in which commands run.
        seconds_max: The time limit of each command.
        group: Ends the running command when a task is cancelled.
        on_output: Called with each piece of their output when it arrives.
        sandbox: Starts them.
    """

    def __init__(
        self,
        folder: Path,
        seconds_max: float,
        group: Group,
        on_output: Callable[[bytes], None],
        sandbox: Sandbox,
    ) -> None:
        self._folder = folder
        self._seconds_max = seconds_max
        self._group = group
        self._on_output = on_output
        self._sandbox = sandbox

    def run(
        self,
        name: str,
        command: str,
        environment: Mapping[str, str],
        box: Box,
        *,
        is_ours: bool = False,
    ) -> str:
        """Run a shell command to its end.

        Args:
            name: Its name, for messages.
            command: The command.
            environment: Its environment variables.
            box: Its box.
            is_ours: True for a command of fednet, which needs no box, and puts others into it.

        Returns:
            The end of its output, at most limits.traceback_characters_max characters.

        Raises:
            TaskFailed: The command could not be started, failed, took too long, used too much or was cancelled.
        """
        if self._group.is_cancelled:
            raise TaskFailed(f"{_what(name)} was cancelled.")
        process = self._start(name, command, environment, box, is_ours=is_ours)
        with process.process, closing(Output(process.process, self._on_output)) as output:
            try:
                self._group.admit(process)
                in_time = output.follow(self._seconds_max, self._group.kill)
            finally:
                self._group.end(process)
        self._check(name, process, output.text, in_time=in_time)
        return output.text

    def _start(
        self, name: str, command: str, environment: Mapping[str, str], box: Box, *, is_ours: bool
    ) -> Supervised:
        shell = [shutil.which("bash") or "sh", "-c", command]
        start = self._sandbox.start_ours if is_ours else self._sandbox.start
        try:
            return start(shell, box, self._folder, environment)
        except OSError as error:
            raise TaskFailed(f"Cannot start the package's {name} command: {error}") from error

    def _check(self, name: str, process: Supervised, printed: str, *, in_time: bool) -> None:
        what = _what(name)
        if self._group.is_cancelled:
            raise TaskFailed(f"{what} was cancelled.", traceback=printed)
        if not in_time:
            raise TaskFailed(
                f"{what} took longer than {self._seconds_max:g} seconds and was stopped.",
                traceback=printed,
            )
        if process.exceeded:
            raise TaskFailed(
                f"{what} {beyond_limit(process.exceeded, self._sandbox.bounds)}", traceback=printed
            )
        if process.code != 0:
            raise TaskFailed(f"{what} {how_it_ended(process.code, printed)}.", traceback=printed)


def _what(name: str) -> str:
    return f"The package's {name} command"
