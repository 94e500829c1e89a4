"""Kills the task processes of an agent that died: a script of its own, started beside the agent.

It reads lines from its stdin, a pipe whose other end only the agent holds: `+<process group>` when
a task begins, `-<process group>` when it has ended. The pipe closes when the agent is gone, however
that happened; the groups that are left are killed then. It imports the standard library only, to
start quickly on any POSIX.
"""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress


def groups_left(lines: Iterable[bytes]) -> set[int]:
    """The process groups that were announced and not signed off; half a line does not count."""
    groups: set[int] = set()
    for line in lines:
        if not line.endswith(b"\n"):
            break
        group = int(line[1:])
        if line.startswith(b"+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def main() -> None:
    """Waits for the end of the agent, then kills what it left."""
    for group in groups_left(sys.stdin.buffer):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
