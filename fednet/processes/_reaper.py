"""Kills the processes that a dead one has left: a script of its own, started beside it.

It reads lines from its stdin, a pipe whose other end only who started it holds: `+<process group>`
when work begins, `-<process group>` when it has ended. The pipe closes when its holder is gone,
however that happened; the groups that are left are killed then. It imports the standard library only, to
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
    """Waits for the end of who started it, then kills what is left."""
    for group in groups_left(sys.stdin.buffer):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
