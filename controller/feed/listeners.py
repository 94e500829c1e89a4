"""Listeners: each waits for one entry, without a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from .entries import Entry, Interest


class FeedListener:
    """Waits for the next entry of interest; woken once.

    Args:
        interest: The entries that it waits for.
        remove: Called when it is closed.
    """

    def __init__(self, interest: Interest, remove: Callable[[FeedListener], None]) -> None:
        self.interest = interest
        self._remove = remove
        self._woken = threading.Event()
        self._then: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def on_wake(self, then: Callable[[], None]) -> None:
        """Call `then` once, from any thread, when it is woken; at once if it has been."""
        with self._lock:
            self._then = then
            is_woken = self._woken.is_set()
        if is_woken:
            then()

    def wait(self, seconds: float) -> bool:
        """Block until it is woken, or the time is over; return True if it is woken."""
        return self._woken.wait(seconds)

    def wake(self) -> None:
        """Wake it."""
        with self._lock:
            is_first, then = not self._woken.is_set(), self._then
            self._woken.set()
        if is_first and then:
            then()

    def close(self) -> None:
        """Wait no more."""
        self._remove(self)


class Listeners:
    """All listeners of one controller.

    Args:
        count_max: More are refused.
    """

    def __init__(self, count_max: int) -> None:
        self._count_max = count_max
        self._waiting: set[FeedListener] = set()
        self._is_closed = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, interest: Interest) -> FeedListener | None:
        """Return a new listener; None if there are too many, or the feed is closed."""
        with self._lock:
            if self._is_closed or len(self._waiting) >= self._count_max:
                return None
            listener = FeedListener(interest, self._discard)
            self._waiting.add(listener)
            return listener

    def tell(self, entries: Sequence[Entry]) -> None:
        """Wake those who wait for one of these entries."""
        with self._lock:
            woken = [each for each in self._waiting if any(map(each.interest.wants, entries))]
            self._waiting.difference_update(woken)
        for listener in woken:
            listener.wake()

    def wake_all(self) -> None:
        """Wake everybody, whatever they wait for."""
        with self._lock:
            woken, self._waiting = self._waiting, set()
        for listener in woken:
            listener.wake()

    def close(self) -> None:
        """Wake everybody, and take in nobody any more."""
        with self._lock:
            self._is_closed = True
        self.wake_all()

    def _discard(self, listener: FeedListener) -> None:
        with self._lock:
            self._waiting.discard(listener)
