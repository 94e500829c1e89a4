"""The events that a session hears."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fednet.digests import Digest
from fednet.readiness import READY, Readiness

from .orders import Order
from .state import BlobRef

# The session itself


@dataclass(frozen=True)
class Began:
    """A controller begins to drive the session, for the first time or after another.

    Attributes:
        away_seconds: The time in which no controller drove it.
    """

    away_seconds: float = 0.0


@dataclass(frozen=True)
class TimeLost:
    """The controller was stopped, or without its store, for so many seconds: they count for no deadline."""

    seconds: float


@dataclass(frozen=True)
class TimePassed:
    """Nothing but time."""


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


# The network


@dataclass(frozen=True)
class CombinerUp:
    """A combiner's stream is open, again or for the first time; it may not have heard earlier orders.

    Attributes:
        clients: Its clients' ids, each with the kinds of task that the client can do.
        allows_functions: True if server functions may run there.
        phases: The ids of the session's phases that it holds.
        waiting: What clients wait for before they can be asked for tasks, by the id of each that waits.
    """

    combiner: str
    clients: Mapping[str, frozenset[str]]
    allows_functions: bool = False
    phases: frozenset[str] = frozenset()
    waiting: Mapping[str, Readiness] = field(default_factory=dict)


@dataclass(frozen=True)
class CombinerDown:
    """A combiner's stream broke, and its clients are out of sight with it."""

    combiner: str


@dataclass(frozen=True)
class ClientJoined:
    """A client has connected to a combiner, or waits for something else than before.

    Attributes:
        readiness: What it waits for before it can be asked for tasks.
    """

    combiner: str
    client: str
    kinds: frozenset[str]
    readiness: Readiness = READY


@dataclass(frozen=True)
class ClientLeft:
    """A client's stream to a combiner broke."""

    combiner: str
    client: str


# A phase


@dataclass(frozen=True)
class PhaseBegun:
    """A combiner has sent its share of a phase's tasks."""

    combiner: str
    phase_id: str


@dataclass(frozen=True)
class Answered:
    """A client's answer counts and is stored.

    Attributes:
        client: The client's id.
        seconds: The time of each part of the work, by name: download, train, upload, fold.
        value: The JSON of an exchange.
        content: The bytes of an exchange.
        name: The client's name, for people.
    """

    phase_id: str
    combiner: str
    client: str
    num_examples: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)
    value: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Unanswered:
    """A client's task has no answer that counts.

    Attributes:
        client: The client's id.
        name: Its name, for people.
        lost_at: The combiner that has lost the answer and waits for another one; empty if the task has ended.
    """

    phase_id: str
    client: str
    name: str
    message: str
    lost_at: str = ""


@dataclass(frozen=True)
class PhaseClosed:
    """A combiner tells the totals of its share.

    Attributes:
        attempt: The attempt of the order that it closes.
        failure: The reason why it has no partial; empty if it has one.
        partial: The digest of its partial; None where it is not in the blob store.
    """

    combiner: str
    phase_id: str
    answers: int
    weight: float
    failure: str = ""
    attempt: int = 0
    partial: Digest | None = None


@dataclass(frozen=True)
class PhaseRefused:
    """A combiner refuses to begin a phase."""

    combiner: str
    phase_id: str
    message: str
    attempt: int = 0


@dataclass(frozen=True)
class Withdrawn:
    """A combiner asks these clients no more; all others of the withdrawal have answered there."""

    combiner: str
    phase_id: str
    clients: frozenset[str]


# Other orders


@dataclass(frozen=True)
class Planned:
    """Server functions have said which clients to ask, with which settings.

    Attributes:
        clients: The ids of the chosen clients; empty where the functions choose none.
    """

    round_id: str
    attempt: int
    clients: list[str]
    settings: dict[str, Any]
    state: BlobRef | None = None


@dataclass(frozen=True)
class PlanRefused:
    """Server functions failed, or could not be asked."""

    round_id: str
    attempt: int
    message: str


@dataclass(frozen=True)
class Reduced:
    """The new model lies in the blob store, and the aggregator's memory with it, if it has one."""

    model: BlobRef
    seconds: float
    state: BlobRef | None = None
    share_within_clip: float | None = None


@dataclass(frozen=True)
class ReduceRefused:
    """The partials cannot be made into a model."""

    model_id: str
    message: str


@dataclass(frozen=True)
class Unheard:
    """A combiner did not answer an order, though it may be asked again."""

    order: Order


NetworkEvent = CombinerUp | CombinerDown | ClientJoined | ClientLeft
PhaseEvent = PhaseBegun | Answered | Unanswered | PhaseClosed | PhaseRefused | Withdrawn
Command = StopAsked | PauseAsked | ResumeAsked | MoreRoundsAsked | Broke
Event = (
    Began
    | TimeLost
    | TimePassed
    | Command
    | NetworkEvent
    | PhaseEvent
    | Planned
    | PlanRefused
    | Reduced
    | ReduceRefused
    | Unheard
)
