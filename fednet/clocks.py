"""Clocks: one that nobody can set back, and the difference between those of two machines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from fednet import limits

Clock: TypeAlias = Callable[[], float]
"""Returns the time in seconds."""


class SteadyClock:
    """A clock that shows the time since 1970, but runs by the monotonic clock.

    It is set by the machine's clock when it is made. If that clock is changed later, neither durations nor deadlines
    change with it.

    Args:
        wall: The machine's clock; by default `time.time`.
        monotonic: The clock that measures durations; by default `time.monotonic`.
    """

    def __init__(self, wall: Clock | None = None, monotonic: Clock | None = None) -> None:
        self._monotonic = monotonic or time.monotonic
        self._ahead = (wall or time.time)() - self._monotonic()

    def __call__(self) -> float:
        """Return the time in seconds since 1970."""
        return self._monotonic() + self._ahead


def seconds_behind(other: float, before: float, after: float) -> float:
    """Return the time by which this machine's clock is behind another one; negative if it is ahead.

    Args:
        other: What the other clock has shown between `before` and `after`, in seconds since 1970.
        before: What this machine's clock has shown when the question was asked.
        after: What it has shown when the answer came.

    Returns:
        The smallest difference that explains the three times, in seconds; 0 if none is needed.
    """
    return max(0.0, other - after) + min(0.0, other - before)


def clock_warning(behind: float) -> str | None:
    """Return the sentence about a clock that is wrong; None for a difference that does not matter.

    Args:
        behind: The seconds by which this machine's clock is behind the controller's; negative if it is ahead.
    """
    if abs(behind) < limits.clock_skew_told_seconds:
        return None
    side = "behind" if behind > 0 else "ahead of"
    allowed = limits.clock_skew_seconds_max
    advice = (
        "Set one of them right."
        if abs(behind) <= allowed
        else f"Set one of them right: more than {allowed:.0f} s make tokens expire early."
    )
    return f"The clock of this machine is {abs(behind):.0f} s {side} the controller's. {advice}"
