"""The time in which the process was stopped, or waited for the state store: it counts for no deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fednet import limits


class LostTime:
    """The sum of the lost time of one process.

    A thread ticks. If the next tick is overdue, the process was stopped in between (SIGSTOP, a suspended machine);
    the first look notes it, so no deadline is judged before. A use of the store that takes long counts as well.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._seconds = 0.0
        self._seen = time.monotonic()
        self._counted_until = self._seen
        self._uses: dict[object, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="lost-time", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def seconds(self) -> float:
        """Return the time lost so far, once no use of the store takes long any more."""
        with self._changed:
            while self._is_out() and not self._stopping.is_set():
                self._changed.wait()
            self._look()
            return self._seconds

    def seconds_so_far(self) -> float:
        """Return the time lost so far, without waiting."""
        with self._changed:
            self._look()
            return self._seconds

    @contextmanager
    def store_in_use(self) -> Iterator[None]:
        """Count the time of the block as lost if it is long."""
        use = object()
        with self._changed:
            self._uses[use] = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._look()
                self._count(self._uses.pop(use), time.monotonic(), limits.store_slow_seconds)
                self._changed.notify_all()

    def _tick(self) -> None:
        while not self._stopping.wait(limits.pulse_seconds):
            with self._changed:
                self._look()

    def _look(self) -> None:
        """Note a stop of the process since the last look."""
        now = time.monotonic()
        self._count(self._seen, now, 2 * limits.pulse_seconds)
        self._seen = now

    def _count(self, began: float, ended: float, tolerated: float) -> None:
        """Count a stretch of time if it is longer than tolerated, and no moment twice."""
        if ended - began > tolerated:
            self._seconds += max(0.0, ended - max(began, self._counted_until))
            self._counted_until = max(self._counted_until, ended)

    def _is_out(self) -> bool:
        longest = time.monotonic() - min(self._uses.values(), default=time.monotonic())
        return longest > limits.store_slow_seconds
