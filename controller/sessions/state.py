"""What the engine remembers of a session: plain values that go into its document and come back as they were."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import TypeAdapter


class Status(StrEnum):
    """A session's status, as people see it."""

    INITIALIZED = "INITIALIZED"
    STARTED = "STARTED"
    PAUSED = "PAUSED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self in {Status.FINISHED, Status.FAILED, Status.TERMINATED}


class Stage(StrEnum):
    """What a session is doing; the states of its machine."""

    WAITING = "waiting"
    """For enough clients to be connected."""

    PLANNING = "planning"
    """Server functions choose clients and settings."""

    TRAINING = "training"
    """Clients train; combiners fold."""

    REDUCING = "reducing"
    """One combiner merges the partials into the new model."""

    DRAINING = "draining"
    """All rounds are done; the last validations are awaited."""

    ENDED = "ended"
    """A final status has been reached."""


@dataclass
class BlobRef:
    """A model or package in the blob store."""

    id: str
    size_bytes: int
    sha256: str


@dataclass
class Share:
    """One combiner's part in a phase."""

    clients: list[str]
    closed: bool = False
    answers: int = 0
    weight: float = 0.0
    failure: str = ""


@dataclass
class Phase:
    """One kind of task for a set of clients."""

    phase_id: str
    kind: str
    number: int
    model: BlobRef
    deadline: float
    shares: dict[str, Share]
    settings: dict[str, Any] = field(default_factory=dict)
    """What server functions tell its clients."""

    merged_elsewhere: bool = False
    """Server functions will aggregate, and may run on none of its combiners."""

    @property
    def is_closed(self) -> bool:
        """Whether every combiner has said what it has."""
        return all(share.closed for share in self.shares.values())

    @property
    def answers(self) -> int:
        """How many answers the closed shares hold."""
        return sum(share.answers for share in self.shares.values() if share.closed)

    @property
    def clients(self) -> int:
        """How many clients were asked."""
        return sum(len(share.clients) for share in self.shares.values())


@dataclass
class Flight:
    """One client's training in an asynchronous session: a phase of its own, over however many rounds."""

    client: str
    phase: Phase
    answer: dict[str, Any] = field(default_factory=dict)
    """As in `Round.answers`; empty until there is one."""

    @property
    def is_open(self) -> bool:
        """Whether the client's answer is awaited."""
        return not self.phase.is_closed


@dataclass
class Round:
    """The round that is under way."""

    id: str
    number: int
    attempt: int
    model_id: str
    """The id that the new model will have."""

    phase: Phase
    """Who was asked, and what has come in. In an asynchronous session the sum of its flights, and no combiner's."""

    started_at: float
    begun: list[str] = field(default_factory=list)
    """The combiners that have sent their tasks."""

    planned_at: float = 0.0
    """When the last of them had; 0 while one has not."""

    trained_at: float = 0.0
    closing: bool = False
    reducer: str = ""
    """The combiner that was asked to merge; empty while none could be."""

    planner: str = ""
    """The combiner that was asked to plan; empty where nothing is to be planned, or nobody could be asked."""

    functions_state: BlobRef | None = None
    """What the server functions remember in this round, so far."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    """One entry for each folded update: client, examples and where its time went."""

    problems: list[str] = field(default_factory=list)
    """Why clients did not answer; the last few."""

    merged: list[Flight] | None = None
    """In an asynchronous session: those that the model is made of, once they are chosen."""

    failed: list[str] = field(default_factory=list)
    """In an asynchronous session: the ids of clients that are asked no more in this attempt."""

    @property
    def parts(self) -> list[Phase]:
        """The phases whose partials make the model."""
        return [self.phase] if self.merged is None else [each.phase for each in self.merged]


@dataclass
class Functions:
    """A user's class that chooses clients, gives them settings or aggregates; see `fednet.server_functions`.

    Attributes:
        source: Its source.
        methods: What it has.
        state: What it remembered when the newest round was committed; None where that is nothing.
        obsolete: The ids of states that nobody will ask for again.
    """

    source: str
    methods: list[str]
    state: BlobRef | None = None
    obsolete: list[str] = field(default_factory=list)

    @property
    def plans(self) -> bool:
        """Whether it has a say before clients train."""
        return self.selects or "client_settings" in self.methods

    @property
    def selects(self) -> bool:
        """Whether it chooses the clients."""
        return "client_selection" in self.methods

    @property
    def aggregates(self) -> bool:
        """Whether it makes the model."""
        return "aggregate" in self.methods

    def remember(self, state: BlobRef | None, *passed: BlobRef | None) -> None:
        """Take over the state of a committed round.

        Args:
            state: What it remembers now.
            passed: What it remembered on the way.
        """
        before = [ref for ref in (self.state, *passed) if ref and (not state or ref.id != state.id)]
        self.obsolete, self.state = [ref.id for ref in before], state

    def forget(self, state: BlobRef | None) -> None:
        """A round has failed: what was remembered in it is taken back."""
        if state and state != self.state:
            self.obsolete.append(state.id)


@dataclass
class Session:
    """Everything that decides how a session goes on.

    Attributes:
        session_id: The id that people use.
        document_id: The id of its document, a UUID of ours; the ids of all that it makes come from it.
        number: The rounds that are committed.
        model: The newest model.
        aggregator_state: What the aggregator remembers with that model; None where that is nothing.
        obsolete_state_id: What it remembered before, which nobody will ask for again; empty where there is nothing.
        delete_models: Whether combiners delete what clients have sent when a round is over.
        seed: What the draw of clients begins with.
        functions: The user's server functions; None where there are none.
        failures: Attempts at the present round that came to nothing.
        waiting_until: When waiting for clients counts as a failed attempt; None if not waiting.
        staleness_max: How many rounds an update may be behind; above 0 the session is asynchronous.
        flights: In an asynchronous session, what clients are training and what waits to be merged, by phase.
        flights_begun: How many there have been; the next one's id comes from it.
    """

    session_id: str
    document_id: str
    rounds: int
    min_clients: int
    requested_clients: int
    round_timeout: float
    round_buffer_size: int
    round_retries: int
    validate: bool
    helper: str
    aggregator: str
    aggregator_kwargs: dict[str, Any]
    model: BlobRef
    package: BlobRef | None = None
    aggregator_state: BlobRef | None = None
    obsolete_state_id: str = ""
    delete_models: bool = True
    seed: str = ""
    functions: Functions | None = None
    status: Status = Status.INITIALIZED
    stage: Stage = Stage.WAITING
    reason: str = ""
    number: int = 0
    failures: int = 0
    waiting_until: float | None = None
    round: Round | None = None
    validations: dict[str, Phase] = field(default_factory=dict)
    staleness_max: int = 0
    flights: dict[str, Flight] = field(default_factory=dict)
    flights_begun: int = 0

    @property
    def is_asynchronous(self) -> bool:
        """Whether clients train without waiting for each other."""
        return self.staleness_max > 0

    def is_shared(self, phase: Phase) -> bool:
        """Whether a phase's partials lie in the blob store, where every combiner may merge them."""
        return len(phase.shares) > 1 or phase.merged_elsewhere or self.is_asynchronous

    def reopen(self, rounds: int) -> None:
        """Let a session that has ended begin again, with more rounds."""
        self.rounds += rounds
        self.status, self.stage, self.reason = Status.INITIALIZED, Stage.WAITING, ""
        self.failures = 0

    @property
    def round_number(self) -> int:
        """The round that is under way, or the last one."""
        return self.round.number if self.round else self.number

    @property
    def progress(self) -> dict[str, Any]:
        """Where it is in its present round, as people see it."""
        current = self.round
        return {
            "phase": str(self.stage),
            "answers": len(current.answers) if current else 0,
            "clients": current.phase.clients if current else 0,
        }

    def phases(self) -> list[Phase]:
        """The phases that combiners may hold for this session."""
        in_flight = [flight.phase for flight in list(self.flights.values())]
        current = self.round  # after the flights: those that it merges are always in one of the two
        return [*self.validations.values(), *in_flight, *(current.parts if current else [])]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Session:
        """What `to_dict` gave, back as values."""
        return _ADAPTER.validate_python(values)


@dataclass
class PredictionSession:
    """The state of a session in which clients predict with one model: one phase, no rounds.

    Attributes:
        requested_clients: How many clients are asked at the most; None for all that can.
        waiting_until: When waiting for a client counts as failed; None if not waiting.
        problems: Why clients did not answer, the last ones.
    """

    rounds: ClassVar[int] = 0
    round_number: ClassVar[int] = 0

    session_id: str
    document_id: str
    requested_clients: int | None
    round_timeout: float
    helper: str
    model: BlobRef
    package: BlobRef | None = None
    status: Status = Status.INITIALIZED
    reason: str = ""
    waiting_until: float | None = None
    phase: Phase | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def progress(self) -> dict[str, Any]:
        """How far it is, as people see it."""
        phase = self.phase
        stage = "ended" if self.status.is_final else "predicting" if phase else "waiting"
        return {
            "phase": stage,
            "answers": phase.answers if phase else 0,
            "clients": phase.clients if phase else 0,
        }

    def phases(self) -> list[Phase]:
        """The phases that combiners may hold for this session."""
        return [self.phase] if self.phase and not self.status.is_final else []

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PredictionSession:
        """What `to_dict` gave, back as values."""
        return _PREDICTION_ADAPTER.validate_python(values)


AnySession = Session | PredictionSession

_ADAPTER: TypeAdapter[Session] = TypeAdapter(Session)
_PREDICTION_ADAPTER: TypeAdapter[PredictionSession] = TypeAdapter(PredictionSession)
