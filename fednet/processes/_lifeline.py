"""The pipe to a reaper: while it is open, the groups that the reaper knows may live."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

_REAPER = Path(__file__).with_name("_reaper.py")


class Lifeline:
    """The connection to a reaper, which knows the running process groups; starts the reaper when it is first needed.

    Several threads may use it.
    """

    def __init__(self) -> None:
        self._reaper: subprocess.Popen[bytes] | None = None
        self._held: set[int] = set()
        self._lock = threading.Lock()

    def hold(self, group: int) -> None:
        """Let the reaper kill a group when this process ends.

        Raises:
            OSError: The reaper cannot be started.
        """
        with self._lock:
            self._held.add(group)
            if not self._tell(f"+{group}\n"):
                self._reaper = _start_reaper()
                self._tell("".join(f"+{each}\n" for each in self._held))

    def release(self, group: int) -> None:
        """Tell the reaper that a group has ended."""
        with self._lock:
            self._held.discard(group)
            self._tell(f"-{group}\n")

    def close(self) -> None:
        """Let the reaper kill the remaining groups, and wait for its end."""
        with self._lock:
            self._held.clear()
            self._end()

    def _end(self) -> None:
        if self._reaper is None:
            return
        reaper, self._reaper = self._reaper, None
        assert reaper.stdin is not None
        with suppress(BrokenPipeError):
            reaper.stdin.close()
        reaper.wait()

    def _tell(self, lines: str) -> bool:
        """Return True if a reaper has received the lines; it may not run yet, or may have been killed."""
        if self._reaper is None:
            return False
        assert self._reaper.stdin is not None
        try:
            self._reaper.stdin.write(lines.encode())
        except BrokenPipeError:
            self._end()
            return False
        return True


def _start_reaper() -> subprocess.Popen[bytes]:
    # A session of its own, so that no Ctrl-C reaches it; none of our streams, so that it keeps none
    # open; no buffer, so that every line leaves at once.
    return subprocess.Popen(
        [sys.executable, "-S", "-E", str(_REAPER)],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
