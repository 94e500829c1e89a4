"""The state of a session: plain values that go into its document and come back as they were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter

from fednet.contract import SessionOptions
from fednet.digests import Digest
from fednet.secure import MaskKey

from .privacy import PrivacyAccount
from .stored import present_state, stored_options


class Kind(StrEnum):
    """A kind of session; `plans` says which steps each has."""

    TRAINING = "training"
    ASYNCHRONOUS = "asynchronous"
    PREDICTION = "prediction"

    @property
    def task(self) -> str:
        """The word for people: training or prediction."""
        return "prediction" if self is Kind.PREDICTION else "training"


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
        """True if the session has ended."""
        return self in {Status.FINISHED, Status.FAILED, Status.TERMINATED}


UNFINISHED = [str(status) for status in Status if not status.is_final]
"""The statuses of a session that has not ended."""


def asked_kind(options: SessionOptions) -> str:
    """Return the kind of the tasks with which clients train in a session with these options."""
    if options.secure:
        return "TRAIN_MASKED"
    return "TRAIN_PRIVATELY" if options.dp else "TRAIN"


@dataclass(frozen=True)
class BlobRef:
    """A model, package or remembered state in the blob store."""

    id: str
    digest: Digest


NOWHERE = ""
"""The place of clients whose combiner is gone and that no other combiner sees; stands for a combiner's name."""


@dataclass
class Share:
    """One combiner's part in a phase.

    Attributes:
        clients: The ids of the clients that it asks.
        closed: True once the combiner has told its totals, or is waited for no more.
        answers: The updates in its partial.
        weight: Their examples.
        failure: The reason why it has no partial.
        attempt: Rises each time that the combiner is asked for more; totals of a lower one are out of date.
        partial: The digest of its partial; None where it is not in the blob store.
    """

    clients: list[str]
    closed: bool = False
    answers: int = 0
    weight: float = 0.0
    failure: str = ""
    attempt: int = 0
    partial: Digest | None = None


@dataclass
class Phase:
    """One kind of task for a set of clients.

    Attributes:
        kind: TRAIN, TRAIN_PRIVATELY, VALIDATE, PREDICT or EXCHANGE; with secure aggregation TRAIN_MASKED, SUM_MASKS or
            EXCHANGE_SECURELY.
        number: The round.
        model: The model that clients are given.
        shares: Each combiner's part, by its name; under NOWHERE, the clients whose combiner is gone.
        settings: Settings for all its clients.
        client_settings: Settings for single clients, by id.
        secure: The terms of secure aggregation, as a text; empty without.
        messages: The messages of secure aggregation to single clients, by id. They follow from the answers so far, and
            are not stored.
        is_shared: True if each partial goes into the blob store, where every combiner can merge it.
        begun: The combiners that have sent their tasks.
        is_closing: True once combiners are asked to close it.
        losses: How often answers were lost, or may have been: then clients answer anew.
    """

    phase_id: str
    kind: str
    number: int
    model: BlobRef
    shares: dict[str, Share] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    client_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    secure: str = ""
    messages: Annotated[dict[str, dict[str, Any]], Field(exclude=True)] = field(
        default_factory=dict, repr=False
    )
    is_shared: bool = False
    begun: list[str] = field(default_factory=list)
    is_closing: bool = False
    losses: int = 0

    @property
    def is_closed(self) -> bool:
        """True if every combiner has told its totals."""
        return all(share.closed for share in self.shares.values())

    @property
    def answers(self) -> int:
        """The answers of the closed shares."""
        return sum(share.answers for share in self.shares.values() if share.closed)

    @property
    def clients(self) -> int:
        """The number of clients that were asked."""
        return sum(len(share.clients) for share in self.shares.values())


@dataclass
class Flight:
    """One client's training in an asynchronous session: a phase of its own, over however many rounds it takes.

    Attributes:
        deadline: The time from which on nothing more is awaited of it, in seconds since 1970.
    """

    client: str
    phase: Phase
    deadline: float

    @property
    def is_open(self) -> bool:
        """True while the client's answer is awaited."""
        return not self.phase.is_closed


@dataclass
class Validation:
    """The validation of one round's model, beside the next round."""

    phase: Phase
    deadline: float


@dataclass
class SecureRound:
    """One attempt at a round with secure aggregation.

    Attributes:
        round_id: The id of the attempt, to which all keys and signatures are bound.
        trainers: The ids of the clients that were drawn to train.
        helpers: The ids of the clients that may be sum participants, the first choice first.
        alive: The ids of the clients that were connected when the step under way last asked.
        silent: The ids of those whose sums did not come.
        subsets: The numbers of the subsets whose masks a sum participant has added up, by its id.
        counted: The ids of the clients whose answers count, by the name of each step that is over. Answers that come
            later change nothing: the messages of all later steps must follow from the same ones.
    """

    round_id: str
    trainers: list[str]
    helpers: list[str]
    alive: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    subsets: dict[str, list[int]] = field(default_factory=dict)
    counted: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Round:
    """The round that is under way.

    Attributes:
        model_id: The id that the new model will have.
        step: The name of the step under way.
        deadline: The time at which that step has failed, in seconds since 1970; None while it has not begun.
        rests_until: The time at which the next attempt begins; None if none is awaited.
        choice: The clients to ask, by combiner; `select` and server functions hand it to the next step.
        settings: Settings for all clients, by server functions.
        client_settings: Settings for single clients, by id.
        phase: The phase under way: training, prediction or an exchange.
        parts: The closed phases whose partials make the model.
        exchanges: The closed exchanges, by name.
        secure: With secure aggregation, the clients of the attempt.
        mask_parts: The closed phases whose partials are sums of masks, to be taken off the sum of the updates.
        mask_keys: The keys of masks to be added to that sum. They follow from the answers, and are not stored.
        excluded: The ids of clients whose messages were bad, and that this round asks no more.
        planner: The combiner that lets server functions plan; empty where nobody is asked.
        reducer: The combiner that merges; empty while nobody can.
        functions_state: The server functions' memory in this attempt.
        model: The new model, once it lies in the blob store.
        state: The memory of the aggregator, or of server functions in its place, with that model.
        share_within_clip: The share of its updates within an adaptive clip, with noise.
        planned_at: The time at which all tasks were sent; 0 before.
        trained_at: The time at which the updates were in; 0 before.
        validated_seconds: The time of these in which the last client to answer still validated another model.
        reduce_seconds: The time that merging took.
        problems: The last reasons why clients did not answer.
        failed: In an asynchronous session, the ids of clients that this attempt asks no more.
        is_recorded: True once the round has a document.
    """

    id: str
    number: int
    attempt: int
    model_id: str
    started_at: float
    step: str = ""
    deadline: float | None = None
    rests_until: float | None = None
    choice: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    client_settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    phase: Phase | None = None
    parts: list[Phase] = field(default_factory=list)
    exchanges: dict[str, Phase] = field(default_factory=dict)
    secure: SecureRound | None = None
    mask_parts: list[Phase] = field(default_factory=list)
    mask_keys: Annotated[list[MaskKey], Field(exclude=True)] = field(
        default_factory=list, repr=False
    )
    excluded: list[str] = field(default_factory=list)
    planner: str = ""
    reducer: str = ""
    functions_state: BlobRef | None = None
    model: BlobRef | None = None
    state: BlobRef | None = None
    share_within_clip: float | None = None
    planned_at: float = 0.0
    trained_at: float = 0.0
    validated_seconds: float = 0.0
    reduce_seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    is_recorded: bool = False

    @property
    def phases(self) -> list[Phase]:
        """All phases that combiners may hold for it."""
        under_way = [self.phase] if self.phase else []
        parts = [part for part in self.parts if part is not self.phase]
        return [*under_way, *parts, *self.exchanges.values(), *self.mask_parts]


@dataclass
class Functions:
    """A user's class that chooses clients, gives them settings or aggregates; see `fednet.server_functions`.

    Its source is the option server_functions.

    Attributes:
        methods: The names of its methods.
        state: Its memory when the newest round was committed; None if it has none.
        obsolete: The ids of states that nobody will ask for again.
    """

    methods: list[str]
    state: BlobRef | None = None
    obsolete: list[str] = field(default_factory=list)

    @property
    def plans(self) -> bool:
        """True if it has a say before clients train."""
        return self.selects or "client_settings" in self.methods

    @property
    def selects(self) -> bool:
        """True if it chooses the clients."""
        return "client_selection" in self.methods

    @property
    def aggregates(self) -> bool:
        """True if it makes the model."""
        return "aggregate" in self.methods

    def remember(self, state: BlobRef | None, *passed: BlobRef | None) -> None:
        """Take over the state of a committed round.

        Args:
            state: Its memory now.
            passed: Its memory on the way there.
        """
        before = [ref for ref in (self.state, *passed) if ref and (not state or ref.id != state.id)]
        self.obsolete, self.state = [ref.id for ref in before], state

    def forget(self, state: BlobRef | None) -> None:
        """Take back the memory of a failed attempt."""
        if state and state != self.state:
            self.obsolete.append(state.id)


@dataclass
class Session:
    """Everything that decides how a session goes on.

    Attributes:
        session_id: The id that people use.
        document_id: The id of its document, a UUID of ours; all ids that it makes come from it.
        options: Its configuration; `rounds` grows when the session is continued.
        helper: The format of its models.
        number: The rounds that are committed.
        model: The newest model.
        aggregator_state: The aggregator's memory with that model; None if it has none.
        obsolete_state_id: The id of the memory before, which nobody will ask for again; empty if there is none.
        functions: The user's server functions; None if there are none.
        failures: The failed attempts at the present round.
        excused: Those of them at which too few clients were ready, because others still prepared for tasks
            or awaited an approval.
        reopened: How often it was continued after an end within the present round.
        staleness_max: The number of rounds that an update may be behind, in an asynchronous session.
        privacy: The privacy account; None without the option dp.
        is_draining: True once all rounds are done and the last validations are awaited.
        flights: In an asynchronous session, the trainings under way and the buffer, by phase.
        flights_begun: The number of flights so far; the next one's id comes from it.
    """

    session_id: str
    document_id: str
    kind: Kind
    options: Annotated[SessionOptions, BeforeValidator(stored_options)]
    helper: str
    model: BlobRef
    package: BlobRef | None = None
    aggregator_state: BlobRef | None = None
    obsolete_state_id: str = ""
    functions: Functions | None = None
    staleness_max: int = 0
    privacy: PrivacyAccount | None = None
    status: Status = Status.INITIALIZED
    reason: str = ""
    number: int = 0
    failures: int = 0
    excused: int = 0
    reopened: int = 0
    is_draining: bool = False
    round: Round | None = None
    validations: dict[str, Validation] = field(default_factory=dict)
    flights: dict[str, Flight] = field(default_factory=dict)
    flights_begun: int = 0

    @property
    def asks(self) -> str:
        """The kind of the tasks that its rounds ask of clients."""
        if self.kind is Kind.PREDICTION:
            return "PREDICT"
        return asked_kind(self.options)

    @property
    def seed(self) -> str:
        """The seed of the draw of clients."""
        return self.session_id if self.options.seed is None else str(self.options.seed)

    def add_rounds(self, rounds: int) -> None:
        """Raise the number of rounds."""
        total = self.options.rounds + rounds
        self.options = self.options.model_copy(update={"rounds": total})

    def reopen(self, rounds: int) -> None:
        """Let a session that has ended begin again, with more rounds."""
        self.add_rounds(rounds)
        self.status, self.reason = Status.INITIALIZED, ""
        self.failures, self.excused, self.is_draining = 0, 0, False
        self.reopened += 1

    def phases(self) -> list[Phase]:
        """Return the phases that combiners may hold for this session."""
        beside = [each.phase for each in list(self.validations.values())]
        in_flight = [each.phase for each in list(self.flights.values())]
        current = self.round  # after the flights: those that it merges are always in one of the two
        return [*beside, *in_flight, *(current.phases if current else [])]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        values: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Session:
        """Return the session whose `to_dict` gave these values, in this version or an earlier one.

        Raises:
            pydantic.ValidationError: A version wrote them whose unfinished sessions cannot go on here.
        """
        return _ADAPTER.validate_python(present_state(values))


_ADAPTER: TypeAdapter[Session] = TypeAdapter(Session)
