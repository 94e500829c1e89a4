"""The decisions of a session: documents to write, and orders to combiners."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .state import Phase, Round


@dataclass(frozen=True)
class StartPhase:
    """Ask a combiner to begin its share of a phase, or to add these clients to it.

    Attributes:
        attempt: Rises each time that the combiner is asked for more of the phase.
        clients: The ids of the clients to ask.
        seconds_max: The time until the phase closes.
    """

    combiner: str
    phase: Phase
    attempt: int
    clients: tuple[str, ...]
    round_id: str
    seconds_max: float

    @property
    def phase_id(self) -> str:
        """The phase's id."""
        return self.phase.phase_id


@dataclass(frozen=True)
class ClosePhase:
    """Ask a combiner to finish a phase with the answers that are in."""

    combiner: str
    phase_id: str


@dataclass(frozen=True)
class WithdrawClients:
    """Ask a combiner to leave clients to another one."""

    combiner: str
    phase_id: str
    clients: tuple[str, ...]


@dataclass(frozen=True)
class ReleasePhase:
    """Tell a combiner that a phase is over."""

    combiner: str
    phase_id: str


@dataclass(frozen=True)
class PlanRound:
    """Ask a combiner to let server functions choose among these clients."""

    combiner: str
    round: Round
    clients: tuple[str, ...]


@dataclass(frozen=True)
class ReduceRound:
    """Ask a combiner to merge the partials of a round into its model."""

    combiner: str
    round: Round


Order = StartPhase | ClosePhase | WithdrawClients | ReleasePhase | PlanRound | ReduceRound


@dataclass(frozen=True)
class Projection:
    """A document that follows from the session's state; writing it twice is harmless."""

    collection: str
    id: str
    fields: dict[str, Any]


@dataclass
class Decision:
    """The consequence of an event: the session's document first, then projections, then orders.

    Attributes:
        is_lasting: True if the session's document must be written before anything is told. Other events
            come again from the stored answers and from combiners.
    """

    is_lasting: bool = False
    projections: list[Projection] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
