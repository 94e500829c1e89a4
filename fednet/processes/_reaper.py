"""A script that kills the process groups of a dead process.

It reads lines from its stdin, a pipe whose other end only its parent holds: `+<process group>` when work begins,
`-<process group>` when the work has ended. The pipe closes when the parent ends, also by a kill; then the script kills
the remaining groups. It imports the standard library only, to start quickly on any POSIX system.
"""

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress


def groups_left(lines: Iterable[bytes]) -> set[int]:
    """Return the process groups that have begun and not ended; an incomplete line does not count."""
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
    """Wait for the end of the parent, then kill the remaining groups."""
    for group in groups_left(sys.stdin.buffer):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
