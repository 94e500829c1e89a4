"""One process under a supervisor: its announcement, its end, and its log."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self

from fednet import limits
from fednet.errors import FednetError
from fednet.files import open_private

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


def fednet_server(*arguments: str) -> list[str]:
    """Return the command line of a `fednet … start` that runs under a supervisor, which stops all parts at once."""
    supervised = ["--announce", "--exit-with-parent", "--drain-seconds", "0"]
    # -P: modules come from the installation, never from the current folder.
    return [sys.executable, "-P", "-m", "fednet", *arguments, *supervised]


@dataclass(frozen=True)
class Program:
    """A command that is started as a process, and started again after a death.

    Attributes:
        name: A name for errors and for the log's file.
        command: The program and its arguments.
        environment: Its whole environment; by default that of this process.
        is_job: True if the process must end by itself, with exit code 0.
        again: Returns the command of a later start, from the announcement of the first process; by default the same
            command.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    is_job: bool = False
    again: Callable[[dict[str, Any]], Sequence[str]] | None = None


@dataclass(frozen=True)
class Child:
    """A started process.

    Attributes:
        program: The program that it runs.
        process: The process.
        log: The file of its stderr.
        announced: The first line of its stdout, which is JSON.
        ended: Its exit code, as in `Popen.returncode`.
    """

    program: Program
    process: subprocess.Popen[bytes]
    log: Path
    announced: Future[dict[str, Any]] = field(default_factory=Future)
    ended: Future[int] = field(default_factory=Future)

    @classmethod
    def start(
        cls, program: Program, log: Path, command: Sequence[str], *, keep_log: bool = False
    ) -> Self:
        """Start a process in a session of its own; its stderr is appended to the log, or replaces it."""
        with open_private(log, "ab" if keep_log else "wb") as stderr:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=program.environment,
                start_new_session=True,
            )
        child = cls(program, process, log)
        for target in (child._read_stdout, child._await_end):
            threading.Thread(target=target, name=f"{program.name}-watch", daemon=True).start()
        return child

    @property
    def has_died(self) -> bool:
        """True if it has ended unexpectedly."""
        return self.ended.done() and not (self.program.is_job and self.ended.result() == 0)

    def tell(self, settings: Mapping[str, str]) -> None:
        """Send it the settings that it waits for (`--settings-from-parent`); ignore its death."""
        stdin = _stream(self.process.stdin)
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(settings).encode() + b"\n")
            stdin.flush()

    def _read_stdout(self) -> None:
        with _stream(self.process.stdout) as stdout:
            line = stdout.readline(limits.json_bytes_max)
            if line and not self.program.is_job:
                self._announce(line)
            while stdout.read(limits.chunk_bytes):
                pass

    def _announce(self, line: bytes) -> None:
        try:
            self.announced.set_result(json.loads(line))
        except ValueError:
            said = line.decode(errors="replace").strip()
            self.announced.set_exception(
                FednetError(f"{self.program.name} did not announce JSON: {said}")
            )

    def _await_end(self) -> None:
        self.ended.set_result(self.process.wait())

    def kill(self) -> None:
        """Kill the process and the rest of its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def release(self) -> None:
        """Close our end of its stdin."""
        with contextlib.suppress(BrokenPipeError):  # it died before it read everything
            _stream(self.process.stdin).close()

    def end(self) -> str:
        """Return a sentence about its end, which begins with its name."""
        code = self.ended.result()
        if code < 0:
            return f"{self.program.name} was ended by signal {-code} ({signal.strsignal(-code)})"
        return f"{self.program.name} ended with exit code {code}"

    def log_tail(self) -> str:
        """Return the last lines of its log as the end of a message; empty when there are none."""
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limits.log_tail_bytes_max))
            lines = deque(file.read().decode(errors="replace").splitlines(), maxlen=10)
        return "\n  ".join([" Its log ends with:", *lines]) if lines else ""


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "every process is started with pipes"
    return stream
