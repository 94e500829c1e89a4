"""The decision whether a component that has died starts again: no process and no clock is touched here."""

from __future__ import annotations

from collections import deque

from fednet import limits
from fednet.backoff import backoff_seconds


class Restarts:
    """The recent deaths of one component, and what follows from the next one."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()

    def after_death(self, now: float) -> float | None:
        """Count a death and return the pause before the next start, in seconds; None to give up.

        The pause grows with the deaths within the last `limits.restart_window_seconds`. More of them than
        `limits.restarts_max` are too many.

        Args:
            now: The time of the death, on any clock that never goes back.
        """
        while self._deaths and self._deaths[0] <= now - limits.restart_window_seconds:
            self._deaths.popleft()
        if len(self._deaths) >= limits.restarts_max:
            return None
        self._deaths.append(now)
        return backoff_seconds(len(self._deaths) - 1)
