"""Processes of systems: each talks by lines of text, and ends with its context."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

Command: TypeAlias = Sequence[str | Path]

SCRIPTS = Path(__file__).parent
_SECONDS_TO_END = 30


@contextlib.contextmanager
def process(
    command: Command,
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run a command with pipes for input and output; terminate it at the exit, or kill it if it stays.

    Args:
        command: The command and its arguments.
        folder: Its working folder.
        environment: All its variables; by default those of this process.
    """
    with subprocess.Popen(
        [str(each) for each in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment,
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


def _end(running: subprocess.Popen[str]) -> None:
    running.terminate()
    try:
        running.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        running.kill()
