"""What a session hears and what it says: the events that go into its machine, the records and actions that come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .state import BlobRef, Phase, Round

# Events: what happened.


@dataclass(frozen=True)
class Began:
    """The session has been accepted, or a controller takes it up again."""


@dataclass(frozen=True)
class NetworkChanged:
    """Who is connected.

    Attributes:
        connected: By combiner name, the ids of its clients and the kinds of task that each can do.
        allowing_functions: The names of the combiners where server functions may run.
    """

    connected: Mapping[str, Mapping[str, frozenset[str]]]
    allowing_functions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CombinerBack:
    """A combiner's stream is open (again): what it was asked before, it may not have heard."""

    combiner: str


@dataclass(frozen=True)
class PhaseBegun:
    """A combiner has sent its share of a phase's tasks."""

    combiner: str
    phase_id: str


@dataclass(frozen=True)
class Answered:
    """A client's update is folded."""

    phase_id: str
    client: str
    num_examples: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unanswered:
    """A client's task ended without an answer that counts."""

    phase_id: str
    client: str
    message: str


@dataclass(frozen=True)
class PhaseClosed:
    """A combiner has said what it has."""

    combiner: str
    phase_id: str
    answers: int
    weight: float
    failure: str = ""


@dataclass(frozen=True)
class Planned:
    """Server functions have said whom to ask, and what to tell them."""

    phase_id: str
    clients: list[str]
    settings: dict[str, Any]
    state: BlobRef | None = None


@dataclass(frozen=True)
class PlanRefused:
    """Server functions failed, or could not be asked."""

    phase_id: str
    message: str


@dataclass(frozen=True)
class PhaseRefused:
    """A combiner would not begin a phase."""

    combiner: str
    phase_id: str
    message: str


@dataclass(frozen=True)
class Reduced:
    """The new model lies in the blob store, and with it what the aggregator remembers, if it does."""

    model: BlobRef
    seconds: float
    state: BlobRef | None = None


@dataclass(frozen=True)
class ReduceRefused:
    """The partials could not be made into a model."""

    model_id: str
    message: str


@dataclass(frozen=True)
class Unheard:
    """A combiner did not answer an order, though it may be asked again."""

    order: Action


@dataclass(frozen=True)
class Broke:
    """The controller itself cannot go on with the session."""

    reason: str


@dataclass(frozen=True)
class StopAsked:
    """Somebody wants the session to end."""

    reason: str


@dataclass(frozen=True)
class PauseAsked:
    """Somebody wants no further round to begin for now."""


@dataclass(frozen=True)
class ResumeAsked:
    """Somebody wants a paused session to go on."""


@dataclass(frozen=True)
class MoreRoundsAsked:
    """Somebody wants the session to have more rounds."""

    rounds: int


@dataclass(frozen=True)
class TimePassed:
    """Nothing but time."""


Event = (
    Began
    | NetworkChanged
    | CombinerBack
    | PhaseBegun
    | Answered
    | Unanswered
    | Planned
    | PlanRefused
    | PhaseClosed
    | PhaseRefused
    | Reduced
    | ReduceRefused
    | Unheard
    | Broke
    | StopAsked
    | PauseAsked
    | ResumeAsked
    | MoreRoundsAsked
    | TimePassed
)


# What comes out.


@dataclass(frozen=True)
class Record:
    """A document to write, new or changed; writing it twice is harmless."""

    collection: str
    id: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """Ask a combiner to let server functions choose among these clients."""

    combiner: str
    round: Round
    clients: list[str]


@dataclass(frozen=True)
class StartPhase:
    """Ask a combiner to begin its share of a phase."""

    combiner: str
    phase: Phase
    round_id: str


@dataclass(frozen=True)
class ClosePhase:
    """Ask a combiner to finish a phase with what is in."""

    combiner: str
    phase_id: str


@dataclass(frozen=True)
class ReleasePhase:
    """Tell a combiner that a phase is over."""

    combiner: str
    phase_id: str


@dataclass(frozen=True)
class Reduce:
    """Ask a combiner to merge the partials of a round into its model."""

    combiner: str
    round: Round


Action = Plan | StartPhase | ClosePhase | ReleasePhase | Reduce


@dataclass
class Step:
    """What to do about an event: first the records, then the session itself, then the actions."""

    records: list[Record] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
