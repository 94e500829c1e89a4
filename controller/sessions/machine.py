"""How a session goes on: a pure state machine.

Events go in with the time; documents to write and actions to take come out, in that order: what is decided is stored
before anybody is told. No I/O, no clock, no threads. The states are the stages of `state.Stage`:

    WAITING ──enough clients──> TRAINING ──all closed, enough answers──> REDUCING ──model written──> next round
       ▲                            │                                       │
       └── too few answers, again ──┴───────────── refused, again ──────────┘        (round_retries times, then FAILED)

    after the last round: DRAINING ──last validations in, or their deadline──> ENDED (FINISHED)

The validation of a round's model runs beside the training of the next round.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from fednet import limits

from .plan import sample_clients
from .state import BlobRef, Phase, Round, Session, Share, Stage, Status

_IDS = uuid.UUID("5f6c7a0e-0a4b-4a57-8f2e-6a1c9f6f2d55")

# Events: what happened.


@dataclass(frozen=True)
class Began:
    """The session has been accepted, or a controller takes it up again."""


@dataclass(frozen=True)
class NetworkChanged:
    """Who is connected: by combiner name, the ids of its clients and the kinds of task that each can do."""

    connected: Mapping[str, Mapping[str, frozenset[str]]]


@dataclass(frozen=True)
class CombinerBack:
    """A combiner's stream is open (again): what it was asked before, it may not have heard."""

    combiner: str


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
class PhaseRefused:
    """A combiner would not begin a phase."""

    combiner: str
    phase_id: str
    message: str


@dataclass(frozen=True)
class Reduced:
    """The new model lies in the blob store."""

    model: BlobRef
    seconds: float


@dataclass(frozen=True)
class ReduceRefused:
    """The partials could not be made into a model."""

    model_id: str
    message: str


@dataclass(frozen=True)
class StopAsked:
    """Somebody wants the session to end."""

    reason: str


@dataclass(frozen=True)
class TimePassed:
    """Nothing but time."""


Event = (
    Began
    | NetworkChanged
    | CombinerBack
    | Answered
    | Unanswered
    | PhaseClosed
    | PhaseRefused
    | Reduced
    | ReduceRefused
    | StopAsked
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


Action = StartPhase | ClosePhase | ReleasePhase | Reduce


@dataclass
class Step:
    """What to do about an event: first the records, then the session itself, then the actions."""

    records: list[Record] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)


class Machine:
    """Moves one session on.

    Args:
        session: Its state; changed in place.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._connected: Mapping[str, Mapping[str, frozenset[str]]] = {}

    def handle(self, event: Event, now: float) -> Step:
        """What to do about an event.

        Args:
            event: What happened.
            now: Seconds since 1970.
        """
        step = Step()
        if isinstance(event, NetworkChanged):
            self._connected = event.connected
        if self.session.stage is Stage.ENDED:
            return step
        self._dispatch(event, now, step)
        self._check_deadlines(now, step)
        return step

    def next_deadline(self) -> float | None:
        """When `TimePassed` is worth telling, in seconds since 1970; None if nothing is awaited."""
        session = self.session
        if session.stage is Stage.ENDED:
            return None
        deadlines = [phase.deadline for phase in session.validations.values()]
        deadlines += [session.round.phase.deadline] if session.round else []
        deadlines += [session.waiting_until] if session.waiting_until is not None else []
        return min(deadlines, default=None)

    def _dispatch(self, event: Event, now: float, step: Step) -> None:  # noqa: C901  one case per event
        match event:
            case Began():
                self._began(now, step)
            case NetworkChanged():
                self._network_changed(now, step)
            case CombinerBack(combiner):
                self._combiner_back(combiner, step)
            case Answered():
                self._answered(event, step)
            case Unanswered():
                self._unanswered(event)
            case PhaseClosed(combiner, phase_id):
                share = Share([], closed=True, answers=event.answers, weight=event.weight)
                self._share_closed(
                    combiner, phase_id, replace(share, failure=event.failure), now, step
                )
            case PhaseRefused(combiner, phase_id, message):
                self._share_closed(
                    combiner, phase_id, Share([], closed=True, failure=message), now, step
                )
            case Reduced():
                self._reduced(event, now, step)
            case ReduceRefused(model_id, message):
                if self._is_reducing(model_id):
                    self._try_again(f"the updates could not be merged: {message}", now, step)
            case StopAsked(reason):
                self._end(Status.TERMINATED, reason, step)
            case TimePassed():
                pass

    # The beginning, and coming back

    def _began(self, now: float, step: Step) -> None:
        """Begin; or, after a restart, ask again for all that may not have been heard."""
        session = self.session
        if session.status is Status.INITIALIZED:
            session.status = Status.STARTED
            self._wait_for_clients(now, step)
        for phase in self._open_phases():
            step.actions += self._starts(phase)
        self._ask_to_reduce(step)

    def _combiner_back(self, combiner: str, step: Step) -> None:
        for phase in self._open_phases():
            step.actions += [start for start in self._starts(phase) if start.combiner == combiner]
        self._ask_to_reduce(step)

    def _network_changed(self, now: float, step: Step) -> None:
        if self.session.stage is Stage.WAITING:
            self._begin_round_if_possible(now, step)

    def _open_phases(self) -> list[Phase]:
        session = self.session
        training = (
            [session.round.phase] if session.round and session.stage is Stage.TRAINING else []
        )
        return [*session.validations.values(), *training]

    def _starts(self, phase: Phase) -> list[StartPhase]:
        return [
            StartPhase(combiner, phase, self._id("round", phase.number))
            for combiner, share in phase.shares.items()
            if not share.closed
        ]

    # Training

    def _wait_for_clients(self, now: float, step: Step) -> None:
        session = self.session
        session.stage = Stage.WAITING
        session.waiting_until = now + session.round_timeout
        self._begin_round_if_possible(now, step)

    def _begin_round_if_possible(self, now: float, step: Step) -> None:
        session = self.session
        capable = self._capable("TRAIN")
        if sum(map(len, capable.values())) < session.min_clients:
            return
        number, attempt = session.number + 1, session.failures
        phase = self._plan_phase("TRAIN", number, attempt, now)
        session.round = Round(
            id=self._id("round", number),
            number=number,
            attempt=attempt,
            model_id=self._id("model", number, attempt),
            phase=phase,
            started_at=now,
        )
        session.stage, session.waiting_until = Stage.TRAINING, None
        step.records.append(_round_record(session, session.round, "Pending"))
        step.actions += self._starts(phase)

    def _plan_phase(self, kind: str, number: int, attempt: int, now: float) -> Phase:
        session = self.session
        phase_id = self._id(kind, number, attempt)
        shares = sample_clients(self._capable(kind), session.requested_clients, phase_id)
        return Phase(
            phase_id=phase_id,
            kind=kind,
            number=number,
            model=session.model,
            deadline=now + session.round_timeout + limits.round_grace_seconds,
            shares={combiner: Share(clients) for combiner, clients in shares.items()},
        )

    def _capable(self, kind: str) -> dict[str, set[str]]:
        return {
            combiner: {client for client, kinds in clients.items() if kind in kinds}
            for combiner, clients in self._connected.items()
        }

    def _answered(self, event: Answered, step: Step) -> None:
        current = self._round_of(event.phase_id)
        if current is None or any(each["client"] == event.client for each in current.answers):
            return
        answer = {"client": event.client, "num_examples": event.num_examples, **event.details}
        current.answers.append(answer)
        if 0 < self.session.round_buffer_size <= len(current.answers) and not current.closing:
            current.closing = True
            step.actions += [
                ClosePhase(combiner, event.phase_id)
                for combiner, share in current.phase.shares.items()
                if not share.closed
            ]

    def _unanswered(self, event: Unanswered) -> None:
        if current := self._round_of(event.phase_id):
            problem = f"{event.client}: {event.message}"
            current.problems = [*current.problems, problem][-limits.round_problems_max :]

    def _share_closed(
        self, combiner: str, phase_id: str, closed: Share, now: float, step: Step
    ) -> None:
        if phase := self.session.validations.get(phase_id):
            _close_share(phase, combiner, closed)
            if phase.is_closed:
                self._validation_over(phase, step)
        elif current := self._round_of(phase_id):
            _close_share(current.phase, combiner, closed)
            if current.phase.is_closed:
                self._training_over(current, now, step)

    def _training_over(self, current: Round, now: float, step: Step) -> None:
        answers = current.phase.answers
        if answers < self.session.min_clients:
            self._try_again(self._too_few(current, answers), now, step)
            return
        self.session.stage = Stage.REDUCING
        current.trained_at = now
        current.phase.deadline = now + self.session.round_timeout + limits.round_grace_seconds
        self._ask_to_reduce(step)

    def _too_few(self, current: Round, answers: int) -> str:
        failures = [share.failure for share in current.phase.shares.values() if share.failure]
        why = "; ".join([*failures, *current.problems]) or "nobody answered in time"
        return f"{answers} of at least {self.session.min_clients} clients answered ({why})"

    # Reducing and committing

    def _ask_to_reduce(self, step: Step) -> None:
        """Ask the connected combiner that holds most; nothing to ask while none is connected."""
        current = self.session.round
        if self.session.stage is not Stage.REDUCING or current is None:
            return
        shares = current.phase.shares
        holders = [name for name, share in shares.items() if share.answers]
        candidates = holders if len(holders) == 1 else sorted(self._connected)
        here = [name for name in candidates if name in self._connected]
        if here:
            chosen = max(here, key=lambda name: shares[name].weight if name in shares else 0.0)
            step.actions.append(Reduce(chosen, current))

    def _is_reducing(self, model_id: str) -> bool:
        current = self.session.round
        return (
            self.session.stage is Stage.REDUCING
            and current is not None
            and current.model_id == model_id
        )

    def _reduced(self, event: Reduced, now: float, step: Step) -> None:
        """Commit: the model lies in the blob store; the documents follow, then the session goes on."""
        session, current = self.session, self.session.round
        if not self._is_reducing(event.model.id) or current is None:
            return
        step.records += [
            _model_record(session, event.model, now),
            _round_record(session, current, "Finished", now, event),
            Record("network", "active", {"model_id": event.model.id}),
        ]
        step.actions += _releases(current.phase)
        session.model, session.number = event.model, current.number
        session.round, session.failures = None, 0
        self._validate(current.number, now, step)
        if session.number < session.rounds:
            self._wait_for_clients(now, step)
        else:
            session.stage = Stage.DRAINING
            self._finish_if_drained(step)

    # Validation

    def _validate(self, number: int, now: float, step: Step) -> None:
        if not self.session.validate:
            return
        phase = self._plan_phase("VALIDATE", number, 0, now)
        if phase.shares:
            self.session.validations[phase.phase_id] = phase
            step.actions += self._starts(phase)

    def _validation_over(self, phase: Phase, step: Step) -> None:
        del self.session.validations[phase.phase_id]
        step.actions += _releases(phase)
        self._finish_if_drained(step)

    def _finish_if_drained(self, step: Step) -> None:
        if self.session.stage is Stage.DRAINING and not self.session.validations:
            self._end(Status.FINISHED, "all rounds are done", step)

    # Deadlines, failures, the end

    def _check_deadlines(self, now: float, step: Step) -> None:
        session = self.session
        for phase in list(session.validations.values()):
            if now >= phase.deadline:
                self._validation_over(phase, step)
        if session.waiting_until is not None and now >= session.waiting_until:
            connected = sum(map(len, self._capable("TRAIN").values()))
            self._try_again(
                f"{connected} of at least {session.min_clients} clients are connected", now, step
            )
        current = session.round
        if current and now >= current.phase.deadline:
            self._round_deadline(current, now, step)

    def _round_deadline(self, current: Round, now: float, step: Step) -> None:
        if self.session.stage is Stage.REDUCING:
            self._try_again("no combiner merged the updates in time", now, step)
            return
        for combiner, share in current.phase.shares.items():
            if not share.closed:
                silent = f"the combiner {combiner} was silent"
                _close_share(current.phase, combiner, Share([], closed=True, failure=silent))
        self._training_over(current, now, step)

    def _try_again(self, problem: str, now: float, step: Step) -> None:
        """The attempt came to nothing: repeat the round, or give up after round_retries times."""
        session = self.session
        session.failures += 1
        if session.round:
            step.records.append(_round_record(session, session.round, "Failed", now))
            step.actions += _releases(session.round.phase)
            session.round = None
        if session.failures > session.round_retries:
            reason = f"Round {session.number + 1} failed {session.failures} times; the last time {problem}."
            self._end(Status.FAILED, reason, step)
        else:
            self._wait_for_clients(now, step)

    def _end(self, status: Status, reason: str, step: Step) -> None:
        session = self.session
        if session.round:
            step.records.append(_round_record(session, session.round, "Terminated"))
            step.actions += _releases(session.round.phase)
        for phase in session.validations.values():
            step.actions += _releases(phase)
        session.round, session.waiting_until, session.validations = None, None, {}
        session.status, session.reason, session.stage = status, reason, Stage.ENDED

    def _round_of(self, phase_id: str) -> Round | None:
        """The running round, if it is in training and the phase is its."""
        current = self.session.round
        in_training = self.session.stage is Stage.TRAINING
        return current if in_training and current and current.phase.phase_id == phase_id else None

    def _id(self, *what: object) -> str:
        """An id that is the same whenever it is asked, so that a repeated step repeats its names."""
        return str(uuid.uuid5(_IDS, "/".join(map(str, (self.session.session_id, *what)))))


def _close_share(phase: Phase, combiner: str, closed: Share) -> None:
    share = phase.shares.get(combiner)
    if share and not share.closed:
        phase.shares[combiner] = replace(closed, clients=share.clients)


def _releases(phase: Phase) -> list[Action]:
    return [ReleasePhase(combiner, phase.phase_id) for combiner in phase.shares]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _model_record(session: Session, model: BlobRef, now: float) -> Record:
    return Record(
        "models",
        model.id,
        {
            "key": "models",
            "model": model.id,
            "parent_model": session.model.id,
            "session_id": session.session_id,
            "committed_at": _iso(now),
            "size_bytes": model.size_bytes,
            "sha256": model.sha256,
        },
    )


def _round_record(
    session: Session, current: Round, status: str, now: float = 0.0, reduced: Reduced | None = None
) -> Record:
    phase = current.phase
    fields: dict[str, Any] = {
        "session_id": session.session_id,
        "number": current.number,
        "attempt": current.attempt,
        "status": status,
        "model_id": current.model_id if reduced else None,
        "clients": phase.clients,
        "updates": phase.answers,
        "examples": sum(share.weight for share in phase.shares.values()),
        "answers": current.answers,
        "problems": current.problems,
        "started_at": _iso(current.started_at),
        "combiners": [
            {
                "name": name,
                "clients": len(share.clients),
                "updates": share.answers,
                "examples": share.weight,
                "failure": share.failure,
            }
            for name, share in phase.shares.items()
        ],
    }
    if now:
        fields["ended_at"] = _iso(now)
        fields["seconds"] = {"round": now - current.started_at}
    if reduced:
        fields["seconds"] |= {
            "train": current.trained_at - current.started_at,
            "reduce": reduced.seconds,
        }
    return Record("rounds", current.id, fields)
