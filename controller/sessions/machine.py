"""How a session goes on: a pure state machine.

Events go in with the time; documents to write and actions to take come out, in that order: what is decided is stored
before anybody is told. No I/O, no clock, no threads. The states are the stages of `state.Stage`:

    WAITING ──enough clients──> TRAINING ──all closed, enough answers──> REDUCING ──model written──> next round
       ▲                            │                                       │
       └── too few answers, again ──┴───────────── refused, again ──────────┘        (round_retries times, then FAILED)

    after the last round: DRAINING ──last validations in, or their deadline──> ENDED (FINISHED)

The validation of a round's model runs beside the training of the next round. Two kinds of session have more to
do: `functions.py` lets a user's class choose and aggregate, `asynchronous.py` lets nobody wait for anybody.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import Any

from fednet import limits

from .choice import everyone, reducer_among, sample_clients
from .events import (
    Action,
    Answered,
    Began,
    Broke,
    ClosePhase,
    CombinerBack,
    Event,
    MoreRoundsAsked,
    NetworkChanged,
    PauseAsked,
    PhaseBegun,
    PhaseClosed,
    PhaseRefused,
    Record,
    Reduce,
    Reduced,
    ReduceRefused,
    ResumeAsked,
    Step,
    StopAsked,
    TimePassed,
    Unanswered,
    Unheard,
)
from .phases import (
    Connected,
    capable,
    close_share,
    close_silent_shares,
    closed_share,
    deadline,
    failed_share,
    failures,
    new_phase,
    noted,
    releases,
    starts,
)
from .state import BlobRef, Phase, Round, Session, Share, Stage, Status
from .trail import ended_round, finished_round, model_record, pending_round

_IDS = uuid.UUID("5f6c7a0e-0a4b-4a57-8f2e-6a1c9f6f2d55")


class Machine:
    """Moves one session on.

    Args:
        session: Its state; changed in place.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._connected: Connected = {}

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
        deadlines = [phase.deadline for phase in self._awaited()]
        deadlines += [session.waiting_until] if session.waiting_until is not None else []
        return min(deadlines, default=None)

    def _dispatch(self, event: Event, now: float, step: Step) -> None:  # noqa: C901, PLR0912  one case per event
        match event:
            case Began():
                self._began(now, step)
            case NetworkChanged():
                self._network_changed(now, step)
            case CombinerBack(combiner):
                step.actions += [
                    order for order in self._open_orders() if order.combiner == combiner
                ]
            case Unheard(order):
                self._unheard(order, step)
            case PhaseBegun(combiner, phase_id):
                self._phase_begun(combiner, phase_id, now)
            case Answered():
                self._answered(event, step)
            case Unanswered():
                self._unanswered(event)
            case PhaseClosed(combiner, phase_id):
                self._share_closed(combiner, phase_id, closed_share(event), now, step)
            case PhaseRefused(combiner, phase_id, message):
                self._share_closed(combiner, phase_id, failed_share(message), now, step)
            case Reduced():
                self._reduced(event, now, step)
            case ReduceRefused(model_id, message):
                if self._is_reducing(model_id):
                    self._refuse(f"the updates could not be merged: {message}", now, step)
            case StopAsked(reason):
                self._end(Status.TERMINATED, reason, now, step)
            case PauseAsked():
                self._pause()
            case ResumeAsked():
                self._resume(now, step)
            case MoreRoundsAsked(rounds):
                self._add_rounds(rounds, now, step)
            case Broke(reason):
                self._end(Status.FAILED, reason, now, step)
            case TimePassed():
                pass

    # The beginning, and coming back

    def _began(self, now: float, step: Step) -> None:
        """Begin; or, after a restart, ask again for all that may not have been heard."""
        session = self.session
        if session.status is Status.INITIALIZED:
            session.status = Status.STARTED
            self._wait_for_clients(now, step)
        else:
            self._take_up(now, step)

    def _take_up(self, now: float, step: Step) -> None:
        self._give_time(now + limits.round_grace_seconds)
        step.actions += self._open_orders()
        self._ask_to_reduce(step)

    def _give_time(self, until: float) -> None:
        """Combiners tell what happened while the controller was away: no deadline falls before they could."""
        session = self.session
        for phase in self._awaited():
            phase.deadline = max(phase.deadline, until)
        if session.waiting_until is not None:
            session.waiting_until = max(session.waiting_until, until)

    def _network_changed(self, now: float, step: Step) -> None:
        current = self.session.round
        if self.session.stage is Stage.WAITING:
            self._begin_round_if_possible(now, step)
        elif current and current.reducer not in self._reducers():
            self._ask_to_reduce(step)

    def _unheard(self, order: Action, step: Step) -> None:
        """Give an order again if it still stands; while its combiner is away, `CombinerBack` will."""
        current = self.session.round
        match order:
            case Reduce(combiner, asked):
                if self._is_reducing(asked.model_id) and current and current.reducer == combiner:
                    self._ask_to_reduce(step, rather_not=combiner)
            case _ if order.combiner in self._connected:
                step.actions += [each for each in self._open_orders() if each == order]

    def _open_orders(self) -> list[Action]:
        """What combiners have been asked and have not yet done."""
        orders = [start for phase in self._open_phases() for start in self._starts(phase)]
        return [*orders, *self._closes()]

    def _awaited(self) -> list[Phase]:
        """The phases whose deadlines count."""
        return self.session.phases()

    def _open_phases(self) -> list[Phase]:
        in_training = self.session.stage is Stage.TRAINING
        return [phase for phase in self.session.phases() if phase.kind != "TRAIN" or in_training]

    def _starts(self, phase: Phase) -> list[Action]:
        return [*starts(phase, self._id("round", phase.number))]

    def _closes(self) -> list[Action]:
        current = self.session.round
        if self.session.stage is not Stage.TRAINING or current is None or not current.closing:
            return []
        return [
            ClosePhase(combiner, current.phase.phase_id)
            for combiner, share in current.phase.shares.items()
            if not share.closed
        ]

    # Pausing, and more rounds

    def _pause(self) -> None:
        """The round that is under way is finished; the next one waits."""
        self.session.status = Status.PAUSED
        self.session.waiting_until = None

    def _resume(self, now: float, step: Step) -> None:
        if self.session.status is not Status.PAUSED:
            return
        self.session.status = Status.STARTED
        if self.session.stage is Stage.WAITING:
            self._wait_for_clients(now, step)

    def _add_rounds(self, rounds: int, now: float, step: Step) -> None:
        self.session.rounds += rounds
        if self.session.stage is Stage.DRAINING:
            self._wait_for_clients(now, step)

    # Training

    def _wait_for_clients(self, now: float, step: Step) -> None:
        session = self.session
        session.stage = Stage.WAITING
        session.waiting_until = now + session.round_timeout
        self._begin_round_if_possible(now, step)

    def _begin_round_if_possible(self, now: float, step: Step) -> None:
        session = self.session
        if session.status is Status.PAUSED:
            session.waiting_until = None
            return
        if len(everyone(self._capable("TRAIN"))) < session.min_clients:
            return
        session.round = self._new_round(session.number + 1, session.failures, now)
        session.waiting_until = None
        self._begin_round(session.round, step)

    def _begin_round(self, current: Round, step: Step) -> None:
        self._train(current, step)

    def _new_round(self, number: int, attempt: int, now: float) -> Round:
        return Round(
            id=self._id("round", number),
            number=number,
            attempt=attempt,
            model_id=self._id("model", number, attempt),
            phase=self._new_phase("TRAIN", number, attempt, now),
            started_at=now,
        )

    def _train(self, current: Round, step: Step) -> None:
        self.session.stage = Stage.TRAINING
        step.records.append(pending_round(self.session, current))
        step.actions += self._starts(current.phase)

    def _new_phase(self, kind: str, number: int, attempt: int, now: float) -> Phase:
        session, phase_id = self.session, self._id(kind, number, attempt)
        seed = f"{session.seed}/{kind}/{number}/{attempt}"
        shares = sample_clients(self._capable(kind), session.requested_clients, seed)
        return new_phase(session, kind, phase_id, shares, now, number=number)

    def _capable(self, kind: str) -> dict[str, set[str]]:
        return capable(self._connected, kind)

    def _phase_begun(self, combiner: str, phase_id: str, now: float) -> None:
        """Once the last combiner has sent its tasks, the round is planned: what follows is the clients' time."""
        current = self._round_of(phase_id)
        if current is None or current.trained_at or combiner in current.begun:
            return
        current.begun.append(combiner)
        if len(current.begun) == len(current.phase.shares):
            current.planned_at = now

    def _answered(self, event: Answered, step: Step) -> None:
        current = self._round_of(event.phase_id)
        if current is None or any(each["client"] == event.client for each in current.answers):
            return
        current.answers.append(answer_of(event))
        if 0 < self.session.round_buffer_size <= len(current.answers) and not current.closing:
            current.closing = True
            step.actions += self._closes()

    def _unanswered(self, event: Unanswered) -> None:
        if current := self._round_of(event.phase_id):
            current.problems = noted(current.problems, f"{event.client}: {event.message}")

    def _share_closed(
        self, combiner: str, phase_id: str, closed: Share, now: float, step: Step
    ) -> None:
        if phase := self.session.validations.get(phase_id):
            close_share(phase, combiner, closed)
            if phase.is_closed:
                self._validation_over(phase, now, step)
        elif current := self._round_of(phase_id):
            close_share(current.phase, combiner, closed)
            if current.phase.is_closed:
                self._training_over(current, now, step)

    def _training_over(self, current: Round, now: float, step: Step) -> None:
        answers = self._count_clients(current)
        if answers < self.session.min_clients:
            self._try_again(self._too_few(current, answers), now, step)
        else:
            self._reduce(current, now, step)

    def _count_clients(self, current: Round) -> int:
        """How many clients have answered."""
        return current.phase.answers

    def _reduce(self, current: Round, now: float, step: Step) -> None:
        self.session.stage = Stage.REDUCING
        current.trained_at = now
        current.phase.deadline = deadline(self.session, now)
        self._ask_to_reduce(step)

    def _too_few(self, current: Round, answers: int) -> str:
        why = "; ".join([*failures(current.phase), *current.problems]) or "nobody answered in time"
        return f"{answers} of at least {self.session.min_clients} clients answered ({why})"

    # Reducing and committing

    def _ask_to_reduce(self, step: Step, *, rather_not: str = "") -> None:
        """Ask a connected combiner; while none that could is connected, nobody."""
        current = self.session.round
        if self.session.stage is not Stage.REDUCING or current is None:
            return
        is_shared = self.session.is_shared(current.phase)
        current.reducer = reducer_among(
            self._reducers(), current.phase.shares, rather_not, is_shared=is_shared
        )
        if current.reducer:
            step.actions.append(Reduce(current.reducer, current))

    def _reducers(self) -> Collection[str]:
        """The connected combiners that may be asked to merge."""
        return self._connected

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
            model_record(session, event.model, now),
            finished_round(session, current, event, now),
            Record("network", "active", {"model_id": event.model.id}),
        ]
        step.actions += releases(current.parts)
        session.model, session.number = event.model, current.number
        self._remember(current, event.state)
        session.round, session.failures = None, 0
        self._validate(current.number, now, step)
        if session.number < session.rounds:
            self._wait_for_clients(now, step)
        else:
            session.stage = Stage.DRAINING
            self._finish_if_drained(now, step)

    def _remember(self, current: Round, state: BlobRef | None) -> None:  # noqa: ARG002  for functions
        """Take over what the aggregator remembers."""
        session = self.session
        session.obsolete_state_id = session.aggregator_state.id if session.aggregator_state else ""
        session.aggregator_state = state

    # Validation

    def _validate(self, number: int, now: float, step: Step) -> None:
        if not self.session.validate:
            return
        phase = self._new_phase("VALIDATE", number, 0, now)
        if phase.shares:
            self.session.validations[phase.phase_id] = phase
            step.actions += self._starts(phase)

    def _validation_over(self, phase: Phase, now: float, step: Step) -> None:
        del self.session.validations[phase.phase_id]
        step.actions += releases([phase])
        self._finish_if_drained(now, step)

    def _finish_if_drained(self, now: float, step: Step) -> None:
        if self.session.stage is Stage.DRAINING and not self.session.validations:
            self._end(Status.FINISHED, "all rounds are done", now, step)

    # Deadlines, failures, the end

    def _check_deadlines(self, now: float, step: Step) -> None:
        session = self.session
        for phase in list(session.validations.values()):
            if now >= phase.deadline:
                self._validation_over(phase, now, step)
        if session.waiting_until is not None and now >= session.waiting_until:
            connected = len(everyone(self._capable("TRAIN")))
            self._try_again(
                f"{connected} of at least {session.min_clients} clients were connected", now, step
            )
        current = session.round
        if current and now >= current.phase.deadline:
            self._round_deadline(current, now, step)

    def _round_deadline(self, current: Round, now: float, step: Step) -> None:
        if self.session.stage is Stage.REDUCING:
            self._try_again("no combiner merged the updates in time", now, step)
        else:
            close_silent_shares(current.phase)
            self._training_over(current, now, step)

    def _refuse(self, problem: str, now: float, step: Step) -> None:
        """What a combiner was asked for the round cannot be done, which the round's document tells, too."""
        if current := self.session.round:
            current.problems = noted(current.problems, problem)
        self._try_again(problem, now, step)

    def _try_again(self, problem: str, now: float, step: Step) -> None:
        """The attempt came to nothing: repeat the round, or give up after round_retries times."""
        session = self.session
        session.failures += 1
        self._drop_round("Failed", now, step)
        if session.failures > session.round_retries:
            often = f" {session.failures} times; the last time" if session.failures > 1 else ":"
            reason = f"Round {session.number + 1} failed{often} {problem.rstrip('.')}."
            self._end(Status.FAILED, reason, now, step)
        else:
            self._wait_for_clients(now, step)

    def _drop_round(self, status: str, now: float, step: Step) -> None:
        """The running attempt, if there is one, comes to nothing."""
        if current := self.session.round:
            step.records.append(ended_round(self.session, current, status, now))
            step.actions += releases(current.parts)
            self.session.round = None

    def _end(self, status: Status, reason: str, now: float, step: Step) -> None:
        session = self.session
        self._drop_round("Terminated", now, step)
        step.actions += releases(session.phases())
        session.waiting_until = None
        session.validations, session.flights = {}, {}
        session.status, session.reason, session.stage = status, reason, Stage.ENDED

    def _round_of(self, phase_id: str) -> Round | None:
        """The running round, if it is in training and the phase is its."""
        current = self.session.round
        in_training = self.session.stage is Stage.TRAINING
        return current if in_training and current and current.phase.phase_id == phase_id else None

    def _id(self, *what: object) -> str:
        """An id that is the same whenever it is asked, so that a repeated step repeats its names."""
        return str(uuid.uuid5(_IDS, "/".join(map(str, (self.session.document_id, *what)))))


def answer_of(event: Answered) -> dict[str, Any]:
    """An answer as a round keeps it; what a client says of itself does not replace what is known."""
    return {**event.details, "client": event.client, "num_examples": event.num_examples}
