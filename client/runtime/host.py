"""The process of a package's object, as the agent sees it, and the requests to it.

The process starts with the first task and serves the next ones. It ends when a task is cancelled, takes too long or
crashes it; then the next task starts another process.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.errors import TaskFailed
from fednet.host import Inbox, encode
from fednet.processes import Output, how_it_ended

from .exceeded import beyond_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fednet.processes import Group, Supervised
    from fednet.sandbox import Box, Sandbox

_WHAT = "The process of the package's client"


class Host:
    """The process of one package's object; it is started again after its end.

    Args:
        client: The object, as "module:name".
        folder: The folder in which it runs.
        seconds_max: The time limit of one answer.
        group: Ends the process when a task is cancelled.
        on_output: Called with each piece of its output during a task, and with the traceback of an exception.
        sandbox: Starts it.
        box: Its box.
    """

    def __init__(
        self,
        client: str,
        folder: Path,
        seconds_max: float,
        group: Group,
        on_output: Callable[[bytes], None],
        sandbox: Sandbox,
        box: Box,
    ) -> None:
        self._client = client
        self._folder = folder
        self._sandbox = sandbox
        self._box = box
        self._seconds_max = seconds_max
        self._group = group
        self._on_output = on_output
        self._running: _Running | None = None

    def ask(self, request: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
        """Send a request and return its answer; see `fednet.host`.

        Args:
            request: The request, JSON values.
            environment: The environment variables, if the process must be started.

        Raises:
            TaskFailed: The object failed, or its process ended, took too long or was cancelled.
        """
        if self._running and self._running.has_ended:
            self.end()  # the process ended between two tasks, so no task failed
        try:
            running = self._running or self._start(environment)
            answer = running.ask(request, self._seconds_max, self._group.kill)
        except BaseException:
            self.end()
            raise
        if answer is None or self._group.is_cancelled:
            raise self._lost()
        if "problem" in answer:
            self._on_output(str(answer.get("traceback", "")).encode(errors="replace"))
            raise _problem(answer, running.printed)
        return answer

    def end(self) -> None:
        """End the process, if there is one."""
        if self._running is not None:
            running, self._running = self._running, None
            self._group.end(running.process)
            running.close()

    def _start(self, environment: Mapping[str, str]) -> _Running:
        def start(requests: int, answers: int) -> Supervised:
            # -P: the process adds the package's folder as the first one of the module path.
            command = [
                "python",
                "-P",
                "-m",
                "fednet.host",
                self._client,
                str(requests),
                str(answers),
            ]
            variables = {**environment, "PYTHONUNBUFFERED": "1"}
            return self._sandbox.start(
                command, self._box, self._folder, variables, (requests, answers)
            )

        self._running = _Running(start, self._on_output)
        self._group.admit(self._running.process)
        return self._running

    def _lost(self) -> TaskFailed:
        """Return the error of a process that ended without an answer."""
        running = self._running
        assert running is not None
        self.end()
        if self._group.is_cancelled:
            return TaskFailed(f"{_WHAT} was cancelled.", traceback=running.printed)
        if running.is_late:
            return TaskFailed(
                f"{_WHAT} took longer than {self._seconds_max:g} seconds and was stopped.",
                traceback=running.printed,
            )
        if running.process.exceeded:
            how = beyond_limit(running.process.exceeded, self._sandbox.bounds)
            return TaskFailed(f"{_WHAT} {how}", traceback=running.printed)
        how = how_it_ended(running.process.code, running.printed)
        return TaskFailed(f"{_WHAT} {how}.", traceback=running.printed)


class _Running:
    """A running process and the pipes to it.

    Args:
        start: Starts the process with the descriptors of its requests and its answers.
        on_output: Called with each piece of its output.

    Raises:
        TaskFailed: It cannot be started.
    """

    def __init__(
        self, start: Callable[[int, int], Supervised], on_output: Callable[[bytes], None]
    ) -> None:
        theirs_in, self._requests = os.pipe()
        self._answers, theirs_out = os.pipe()
        self.is_late = False
        try:
            self.process = start(theirs_in, theirs_out)
        except BaseException as error:
            self._close_pipes()
            if isinstance(error, OSError):
                raise TaskFailed(
                    f"Cannot start the process of the package's client: {error}"
                ) from error
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._output = Output(self.process.process, on_output)

    @property
    def has_ended(self) -> bool:
        """True if the process has ended by itself."""
        return self.process.process.poll() is not None

    @property
    def printed(self) -> str:
        """The end of its output in this task."""
        return self._output.text

    def ask(
        self, request: dict[str, Any], seconds_max: float, on_late: Callable[[], None]
    ) -> dict[str, Any] | None:
        """Send a request and return its answer; None if the process has ended, or was ended after the time limit."""
        self._output.clear()
        self.process.begin_task()
        awaited = _Answer(self._answers)
        # The pipe is empty and has room for any request, so this does not block.
        with suppress(BrokenPipeError):
            os.write(self._requests, encode(request))
        self.is_late = not self._output.follow(seconds_max, on_late, awaited)
        if not self.is_late and awaited.message is None:
            # It answers no more. Its own end tells more about it than ours would.
            self._output.follow(limits.host_end_seconds_max, self.process.kill)
        return None if self.is_late else awaited.message

    def close(self) -> None:
        """Close the pipes; the process has ended."""
        self._output.close()
        self._close_pipes()
        assert self.process.process.stdout is not None
        self.process.process.stdout.close()

    def _close_pipes(self) -> None:
        os.close(self._requests)
        os.close(self._answers)


class _Answer(Inbox):
    """An answer on its way through a pipe."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def fileno(self) -> int:
        return self._pipe

    def arrived(self) -> bool:
        """Read from the pipe, see `Awaited`; a closed pipe is an end, too."""
        piece = os.read(self._pipe, self.wanted_bytes)
        self.feed(piece)
        return not piece or self.message is not None


def _problem(answer: dict[str, Any], printed: str) -> TaskFailed:
    return TaskFailed(str(answer["problem"]), traceback=f"{printed}{answer.get('traceback', '')}")
