"""The interface of a step: start, absorb an event, say that it is done or has failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Protocol

from ..events import Event
from ..scene import Scene
from ..state import Session


@dataclass(frozen=True)
class Done:
    """The step is over; its result lies in the round.

    Attributes:
        reason: The session's reason, if it ends with this step.
    """

    reason: str = ""


@dataclass(frozen=True)
class Failed:
    """The attempt cannot go on.

    Attributes:
        problem: The reason, for people.
    """

    problem: str


Outcome = Done | Failed | None
"""None while the step goes on."""


class Step(Protocol):
    """One part of a round. It has no state of its own: the round holds it."""

    @property
    def name(self) -> str:
        """The name, unique in its plan."""

    shown: ClassVar[str]
    """The word for people, in a session's progress."""

    def start(self, scene: Scene) -> Outcome:
        """Begin; sets the round's deadline if the step waits for something."""

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Take in an event; one that is not for this step changes nothing."""

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that this combiner may not have heard."""

    def expire(self, scene: Scene) -> Outcome:
        """Return the consequence of the round's deadline, which has passed."""

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the times before the deadline at which `TimePassed` is worth telling."""


class Companion(Protocol):
    """Work that goes on beside the rounds of a session."""

    def absorb(self, event: Event, scene: Scene) -> None:
        """Take in an event; one that is not for this work changes nothing."""

    def committed(self, scene: Scene) -> None:
        """Begin the work that a committed round asks for."""

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that this combiner may not have heard."""

    def expire(self, scene: Scene) -> None:
        """End the work whose deadline has passed."""

    def shift(self, session: Session, seconds: float, least: float) -> None:
        """Move all deadlines on by so many seconds, and to this time at least."""

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return its deadlines, in seconds since 1970."""

    def is_idle(self, session: Session) -> bool:
        """Return True if the session need not wait for it at its end."""
