"""The time and the number of messages of a phase."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Course(Enum):
    """The state of a phase that collects messages."""

    OPEN = "open"
    COMPLETE = "complete"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class Window:
    """The rule of a phase: it lasts for `seconds_min`, then until it has `count_min` messages, at most `seconds_max`.

    Attributes:
        count_min: The number of messages that it needs.
        count_max: The number of messages that it takes.
        seconds_min: Its least duration.
        seconds_max: Its longest duration.
    """

    count_min: int
    count_max: int
    seconds_min: float
    seconds_max: float

    def course(self, count: int, seconds: float) -> Course:
        """Return the state of a phase with so many messages after so many seconds."""
        if count >= self.count_min and seconds >= self.seconds_min:
            return Course.COMPLETE
        return Course.TIMED_OUT if seconds >= self.seconds_max else Course.OPEN

    def seconds_left(self, count: int, seconds: float) -> float:
        """Return the time until the state changes if no message comes."""
        end = self.seconds_min if count >= self.count_min else self.seconds_max
        return max(0.0, end - seconds)
