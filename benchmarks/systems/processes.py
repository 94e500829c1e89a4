"""Processes of systems: each talks by lines of text, and ends with its context."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

Command: TypeAlias = Sequence[str | Path]

SCRIPTS = Path(__file__).parent / "scripts"
_SECONDS_TO_END = 30
_SECONDS_TO_LISTEN = 120
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Environment:
    """A virtual environment of another system.

    Attributes:
        folder: Its folder.
    """

    folder: Path

    def command(self, program: str, *arguments: str | Path) -> Command:
        """Return the command line of a program of the environment."""
        return [self.folder / "bin" / program, *arguments]

    @property
    def variables(self) -> dict[str, str]:
        """The variables with which the environment's programs find each other."""
        return {"PATH": os.pathsep.join([str(self.folder / "bin"), os.environ["PATH"]])}


@contextlib.contextmanager
def process(
    command: Command,
    *,
    folder: Path | None = None,
    log: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a command with pipes for input and output; terminate it at the exit, or kill it if it stays.

    Args:
        command: The command and its arguments.
        folder: Its working folder.
        log: A file for its output and errors, instead of a pipe and the terminal.
        variables: Variables of its environment beside those of this process.
    """
    output = log.open("a") if log else None
    with subprocess.Popen(
        [str(each) for each in command],
        stdin=subprocess.PIPE,
        stdout=output or subprocess.PIPE,
        stderr=output,
        text=True,
        cwd=folder,
        env={**os.environ, **(variables or {})},
    ) as running:
        try:
            yield running
        finally:
            _end(running)


def line_of(running: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints.

    Raises:
        RuntimeError: The process has ended.
    """
    assert running.stdout is not None
    line = running.stdout.readline()
    if not line:
        raise RuntimeError(f"{running.args!r} has ended: {running.wait()}.")
    return line


def ask(running: subprocess.Popen[str], line: str) -> str:
    """Write a line to a process and return the line that it answers."""
    assert running.stdin is not None
    running.stdin.write(line + "\n")
    running.stdin.flush()
    return line_of(running)


@contextlib.contextmanager
def logs_shown(folder: Path) -> Iterator[None]:
    """Show the end of each log in a folder if the block fails."""
    try:
        yield
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"== {log.name}", *log.read_text().splitlines()[-15:], sep="\n", file=sys.stderr)
        raise


def free_port() -> int:
    """Return a TCP port on which nobody listens now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Block until somebody listens on a port of this machine.

    Raises:
        TimeoutError: Nobody does for a long time.
    """
    pause = threading.Event()
    for _ in range(round(_SECONDS_TO_LISTEN / _PAUSE_SECONDS)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(_PAUSE_SECONDS)
    raise TimeoutError(f"Nobody listens on port {port}.")


def _end(running: subprocess.Popen[str]) -> None:
    running.terminate()
    try:
        running.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        running.kill()
