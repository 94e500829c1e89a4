"""News for controllers: frozen, and translated only where it leaves the combiner.

News holds JSON as text: it may wait for a controller for long, and parsed JSON takes many times the memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from fednet.digests import Digest

from .answers import Why
from .values import Capabilities, LogRecord, PhaseContext

_OVERHEAD_BYTES: Final = 400  # ids and numbers, in a message and in memory


@dataclass(frozen=True)
class ClientJoined:
    """A client is connected."""

    capabilities: Capabilities


@dataclass(frozen=True)
class ClientLeft:
    """A client is not connected any more."""


@dataclass(frozen=True)
class CombinerStopping:
    """The combiner takes no more clients, and sends those that it has away."""


@dataclass(frozen=True)
class TaskSent:
    """A task was sent to its client."""


@dataclass(frozen=True)
class UpdateFolded:
    """An update counts."""

    num_examples: float
    metadata_json: str = ""
    download_seconds: float = 0.0
    train_seconds: float = 0.0
    upload_seconds: float = 0.0
    fold_seconds: float = 0.0


@dataclass(frozen=True)
class ValidationReported:
    """A client has measured the model."""

    metrics_json: str


@dataclass(frozen=True)
class PredictionReported:
    """A client has predicted."""

    result_json: str


@dataclass(frozen=True)
class ExchangeReported:
    """A client has given its part of an exchange."""

    value_json: str
    value: bytes


@dataclass(frozen=True)
class TaskUnanswered:
    """A task has ended without an answer that counts."""

    why: Why
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class PhaseClosed:
    """A phase has closed with these totals.

    Attributes:
        failure: The reason why it has no partial; empty if it has one.
        attempt: The attempt of the last order to start it.
        partial: The digest of its shared partial; None where none is shared.
    """

    answers: int
    weight: float
    failure: str = ""
    attempt: int = 0
    partial: Digest | None = None


Happening: TypeAlias = (
    ClientJoined
    | ClientLeft
    | CombinerStopping
    | TaskSent
    | UpdateFolded
    | ValidationReported
    | PredictionReported
    | ExchangeReported
    | TaskUnanswered
    | PhaseClosed
    | LogRecord
)


@dataclass(frozen=True)
class News:
    """Something that happened: to which phase, client and task, if it is about any."""

    happening: Happening
    phase: PhaseContext | None = None
    client_id: str = ""
    task_id: str = ""

    @property
    def session_id(self) -> str:
        """The session that it belongs to; empty for news of no session."""
        return self.phase.session_id if self.phase else ""

    @property
    def size_bytes(self) -> int:
        """Roughly the memory that it takes."""
        texts = (each for each in vars(self.happening).values() if isinstance(each, str | bytes))
        return _OVERHEAD_BYTES + sum(map(len, texts))


@dataclass(frozen=True)
class Envelope:
    """News with the number that acknowledges it; 0 for news that is not kept.

    Attributes:
        happened_at: The time of the news, in seconds since 1970.
    """

    number: int
    news: News
    happened_at: float


@dataclass(frozen=True)
class Snapshot:
    """All that a controller needs to know when it begins to watch."""

    epoch: str
    clients: Mapping[str, Capabilities]
    phases: Mapping[str, str]
    """The session of each phase, by the phase's id."""
    allows_functions: bool
    is_stopping: bool = False
