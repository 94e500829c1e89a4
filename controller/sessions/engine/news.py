"""The news of combiners, as values of our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fednet.digests import Digest

from ...presence import Capabilities


@dataclass(frozen=True)
class Snapshot:
    """The state of a combiner when its stream opens.

    Attributes:
        epoch: The name of the combiner's process; its event numbers begin anew with each.
        clients: Its clients by id.
        held: The ids of the phases that it holds, by their session's id.
        allows_functions: True if server functions may run there.
        is_stopping: True if it takes no more clients.
    """

    epoch: str
    clients: Mapping[str, Capabilities]
    held: Mapping[str, frozenset[str]]
    allows_functions: bool
    is_stopping: bool = False


@dataclass(frozen=True)
class CombinerStops:
    """The combiner takes no more clients, and sends those that it has away."""


@dataclass(frozen=True)
class ClientSeen:
    """The client of the news has connected to the combiner."""

    capabilities: Capabilities


@dataclass(frozen=True)
class ClientGone:
    """The stream of the news's client to the combiner broke."""


@dataclass(frozen=True)
class TaskSent:
    """A task went to its client."""


@dataclass(frozen=True)
class UpdateFolded:
    """A client's update is in the combiner's partial.

    Attributes:
        metadata: The JSON value that the client sent; its text, cut, if it is no JSON.
        seconds: The time of each part of the work, by name.
    """

    num_examples: float
    metadata: Any
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class ModelValidated:
    """A client's metrics on a model: a JSON value, or the client's text if that is not JSON."""

    metrics: Any


@dataclass(frozen=True)
class ModelUsed:
    """A client's prediction with a model: a JSON value, or the client's text if that is not JSON."""

    result: Any


@dataclass(frozen=True)
class ValueGiven:
    """A client's part of an exchange."""

    value: Mapping[str, Any]
    content: bytes


@dataclass(frozen=True)
class TaskFailed:
    """A task ended without an answer that counts.

    Attributes:
        why: FAILED, REFUSED, LATE, GONE, DAMAGED or WAITING_APPROVAL.
    """

    why: str
    message: str
    traceback: str

    @property
    def is_answer_lost(self) -> bool:
        """True if an answer that was in counts no more, and its combiner waits for another one."""
        return self.why == "DAMAGED"


@dataclass(frozen=True)
class ShareClosed:
    """The combiner's totals of a phase, with the digest of its partial if that is in the blob store."""

    answers: int
    weight: float
    failure: str
    attempt: int
    partial: Digest | None = None


@dataclass(frozen=True)
class LogWritten:
    """A line of a client's or a combiner's log."""

    level: str
    text: str


@dataclass(frozen=True)
class Unknown:
    """An event that only a newer version knows."""


PresenceNews = Snapshot | CombinerStops | ClientSeen | ClientGone
WorkNews = (
    TaskSent
    | UpdateFolded
    | ModelValidated
    | ModelUsed
    | ValueGiven
    | TaskFailed
    | ShareClosed
    | LogWritten
)


@dataclass(frozen=True)
class News:
    """One event of a combiner.

    Attributes:
        number: Its number in the combiner's present process; 0 if it comes only once.
        happened_at: Seconds since 1970.
        kind: The phase's kind of task.
        client: The id of the client that it is about; empty if it is about none.
        task: The task's id; empty if it is about none.
        what: The event.
    """

    combiner: str
    number: int
    happened_at: float
    phase_id: str
    session_id: str
    round_id: str
    round_number: int
    model_id: str
    kind: str
    client: str
    task: str
    what: PresenceNews | WorkNews | Unknown
