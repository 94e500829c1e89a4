"""The process of a package's object, as the agent sees it, and the requests to it.

The process starts with the first task and serves the next ones. It ends when a task is cancelled, takes too long or
crashes it; then the next task starts another process.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from fednet.errors import TaskFailed
from fednet.host import Inbox, encode
from fednet.processes import Output, how_it_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fednet.processes import Group

_WHAT = "The process of the package's client"


class Host:
    """The process of one package's object; it is started again after its end.

    Args:
        client: The object, as "module:name".
        folder: The folder in which it runs.
        seconds_max: The time limit of one answer.
        group: Ends the process when a task is cancelled.
        on_output: Called with each piece of its output during a task, and with the traceback of an exception.
    """

    def __init__(
        self,
        client: str,
        folder: Path,
        seconds_max: float,
        group: Group,
        on_output: Callable[[bytes], None],
    ) -> None:
        self._client = client
        self._folder = folder
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
        if self._running and self._running.process.poll() is not None:
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
        self._running = _Running(self._client, self._folder, environment, self._on_output)
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
        how = how_it_ended(running.process.returncode, running.printed)
        return TaskFailed(f"{_WHAT} {how}.", traceback=running.printed)


class _Running:
    """A running process and the pipes to it."""

    def __init__(
        self,
        client: str,
        folder: Path,
        environment: Mapping[str, str],
        on_output: Callable[[bytes], None],
    ) -> None:
        theirs_in, self._requests = os.pipe()
        self._answers, theirs_out = os.pipe()
        self.is_late = False
        try:
            self.process = _start(client, folder, environment, (theirs_in, theirs_out))
        except BaseException:
            self._close_pipes()
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._output = Output(self.process, on_output)

    @property
    def printed(self) -> str:
        """The end of its output in this task."""
        return self._output.text

    def ask(
        self, request: dict[str, Any], seconds_max: float, on_late: Callable[[], None]
    ) -> dict[str, Any] | None:
        """Send a request and return its answer; None if the process has ended, or was ended after the time limit."""
        self._output.clear()
        awaited = _Answer(self._answers)
        # The pipe is empty and has room for any request, so this does not block.
        with suppress(BrokenPipeError):
            os.write(self._requests, encode(request))
        self.is_late = not self._output.follow(seconds_max, on_late, awaited)
        return None if self.is_late else awaited.message

    def close(self) -> None:
        """Close the pipes; the process has ended."""
        self._output.close()
        self._close_pipes()
        assert self.process.stdout is not None
        self.process.stdout.close()

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


def _start(
    client: str, folder: Path, environment: Mapping[str, str], pipes: tuple[int, int]
) -> subprocess.Popen[bytes]:
    # -P: the process adds the package's folder as the first one of the module path.
    command = ["python", "-P", "-m", "fednet.host", client, *map(str, pipes)]
    try:
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**environment, "PYTHONUNBUFFERED": "1"},
            pass_fds=pipes,
            start_new_session=True,
        )
    except OSError as error:
        raise TaskFailed(f"Cannot start the process of the package's client: {error}") from error


def _problem(answer: dict[str, Any], printed: str) -> TaskFailed:
    return TaskFailed(str(answer["problem"]), traceback=f"{printed}{answer.get('traceback', '')}")
