"""The least pace of callers: bytes may come slowly for a while, but not without end."""

from __future__ import annotations

from fednet import limits


class Pace:
    """The patience that is left for one transfer. Each second costs one; bytes earn it back at the least rate.

    Attributes:
        seconds_left: The longest wait from now on.
    """

    def __init__(self) -> None:
        self.seconds_left = limits.rest_slow_seconds_max

    def note(self, seconds: float, size_bytes: int) -> None:
        """Note the time of a wait, and the bytes that moved meanwhile."""
        earned = size_bytes / limits.rest_bytes_per_second
        left = self.seconds_left - seconds + earned
        self.seconds_left = min(max(left, 0.0), limits.rest_slow_seconds_max)
