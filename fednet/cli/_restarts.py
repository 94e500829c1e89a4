"""The decision about the restart of a dead component; pure: without processes and clocks."""

from __future__ import annotations

from collections import deque

from fednet import limits
from fednet.backoff import backoff_seconds


class Restarts:
    """The recent deaths of one component, which decide about its next restart."""

    def __init__(self) -> None:
        self._deaths: deque[float] = deque()

    def after_death(self, now: float) -> float | None:
        """Count a death and return the pause before the next start, in seconds; None to give up.

        The pause grows with the number of deaths within the last `limits.restart_window_seconds`. After more than
        `limits.restarts_max` deaths the component is given up.

        Args:
            now: The time of the death, by any monotonic clock.
        """
        while self._deaths and self._deaths[0] <= now - limits.restart_window_seconds:
            self._deaths.popleft()
        if len(self._deaths) >= limits.restarts_max:
            return None
        self._deaths.append(now)
        return backoff_seconds(len(self._deaths) - 1)
