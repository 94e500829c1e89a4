"""CPU time and peak private memory of processes and their children, as Linux counts them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.02
_CHILDREN_SECONDS = 0.5


class Usage:
    """The use of a system's processes from entering to leaving it as a context; a thread takes samples.

    Private memory is `RssAnon`: the pages of a process that no file backs. Files that are mapped or written count for
    nobody, because the system may drop their pages at any time.

    Args:
        pids: The first processes of each role; their children count for the same role.
    """

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        self._roles = {pid: role for role, ids in pids.items() for pid in ids}
        self._before: dict[int, float] = {}
        self._now: dict[int, float] = {}
        self._peaks: dict[int, int] = defaultdict(int)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_stopped, daemon=True)

    def __enter__(self) -> Self:
        self._find_children()
        self._before = {pid: cpu_seconds(pid) for pid in self._roles}
        self._sample_memory()
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._stop.set()
        self._thread.join()
        self._find_children()
        self._sample_time()

    @property
    def cpu_seconds(self) -> dict[str, float]:
        """User and system time by role."""
        seconds: dict[str, float] = defaultdict(float)
        for pid, now in self._now.items():
            seconds[self._roles[pid]] += now - self._before.get(pid, 0.0)
        return dict(seconds)

    @property
    def peak_megabytes(self) -> dict[str, float]:
        """The largest private memory of one process of each role."""
        peaks: dict[str, float] = defaultdict(float)
        for pid, peak in self._peaks.items():
            role = self._roles[pid]
            peaks[role] = max(peaks[role], peak / 1e6)
        return dict(peaks)

    def _sample_until_stopped(self) -> None:
        samples_per_search = round(_CHILDREN_SECONDS / _SAMPLE_SECONDS)
        number = 0
        while not self._stop.wait(_SAMPLE_SECONDS):
            self._sample_memory()
            number += 1
            if number % samples_per_search == 0:
                self._find_children()
                self._sample_time()

    def _sample_memory(self) -> None:
        for pid in self._roles:
            self._peaks[pid] = max(self._peaks[pid], private_bytes(pid))

    def _sample_time(self) -> None:
        for pid in self._roles:
            with contextlib.suppress(OSError):  # the time of an ended process stays as it was
                self._now[pid] = cpu_seconds(pid)

    def _find_children(self) -> None:
        """Add the children of the known processes, in whatever depth."""
        parents = dict(_parents())
        for pid in sorted(parents):
            line = [pid]
            while line[-1] in parents and line[-1] not in self._roles:
                line.append(parents[line[-1]])
            if line[-1] in self._roles:
                self._roles |= dict.fromkeys(line, self._roles[line[-1]])


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process.

    Raises:
        OSError: The process has ended.
    """
    user, system = _fields(pid)[11:13]
    return (int(user) + int(system)) / _TICKS_PER_SECOND


def private_bytes(pid: int) -> int:
    """Return the size of a process's pages that no file backs; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    _, found, rest = status.partition("RssAnon:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            pid = int(folder.name)
            yield pid, int(_fields(pid)[1])


def _fields(pid: int) -> list[str]:
    """Return the fields of a process's `stat`, from its state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
