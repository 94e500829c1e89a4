"""How a session goes on: a pure state machine.

Events go in with the time; documents to write and actions to take come out, in that order: what is decided is stored
before anybody is told. No I/O, no clock, no threads. The states are the stages of `state.Stage`:

    WAITING ──enough clients──> TRAINING ──all closed, enough answers──> REDUCING ──model written──> next round
       ▲                            │                                       │
       └── too few answers, again ──┴───────────── refused, again ──────────┘        (round_retries times, then FAILED)

    with server functions that choose: WAITING ──enough clients──> PLANNING ──planned──> TRAINING

    after the last round: DRAINING ──last validations in, or their deadline──> ENDED (FINISHED)

The validation of a round's model runs beside the training of the next round.
"""

from __future__ import annotations

import uuid
from typing import Any

from fednet import limits

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
    Plan,
    Planned,
    PlanRefused,
    Record,
    Reduce,
    Reduced,
    ReduceRefused,
    ResumeAsked,
    StartPhase,
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
    failed_share,
    releases,
)
from .plan import everyone, sample_clients, shares_of
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
            case Planned(phase_id):
                if self._is_planning(phase_id):
                    self._planned(event, now, step)
            case PlanRefused(phase_id, message):
                if self._is_planning(phase_id):
                    self._refuse(f"it could not be planned: {message}", now, step)
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
            return
        self._give_time(now + limits.round_grace_seconds)
        step.actions += self._open_orders()
        self._ask_to_plan(step)
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
            return
        if current and current.planner not in self._connected:
            self._ask_to_plan(step)
        if current and current.reducer not in self._connected:
            self._ask_to_reduce(step)

    def _unheard(self, order: Action, step: Step) -> None:
        """Give an order again if it still stands; while its combiner is away, `CombinerBack` will."""
        current = self.session.round
        match order:
            case Plan(combiner, asked):
                if self._is_planning(asked.phase.phase_id) and asked.planner == combiner:
                    self._ask_to_plan(step, rather_not=combiner)
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
        return [
            StartPhase(combiner, phase, self._id("round", phase.number))
            for combiner, share in phase.shares.items()
            if not share.closed
        ]

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
        session.round = self._plan_round(session.number + 1, session.failures, now)
        session.waiting_until = None
        if session.functions:
            session.round.functions_state = session.functions.state
        if session.functions and session.functions.plans:
            self._plan(session.round, step)
        else:
            self._train(session.round, step)

    def _plan_round(self, number: int, attempt: int, now: float) -> Round:
        return Round(
            id=self._id("round", number),
            number=number,
            attempt=attempt,
            model_id=self._id("model", number, attempt),
            phase=self._plan_phase("TRAIN", number, attempt, now),
            started_at=now,
        )

    def _train(self, current: Round, step: Step) -> None:
        self.session.stage = Stage.TRAINING
        step.records.append(pending_round(self.session, current))
        step.actions += self._starts(current.phase)

    # Planning by server functions

    def _plan(self, current: Round, step: Step) -> None:
        """Nobody is asked to train before the functions have had their say."""
        self.session.stage = Stage.PLANNING
        current.phase.shares = {}
        step.records.append(pending_round(self.session, current))
        self._ask_to_plan(step)

    def _ask_to_plan(self, step: Step, *, rather_not: str = "") -> None:
        """Ask a connected combiner; while none is connected, nobody."""
        current = self.session.round
        if self.session.stage is not Stage.PLANNING or current is None:
            return
        able = sorted(self._connected, key=lambda name: (name == rather_not, name))
        current.planner = next(iter(able), "")
        if current.planner:
            clients = list(everyone(self._capable("TRAIN")))
            step.actions.append(Plan(current.planner, current, clients))

    def _is_planning(self, phase_id: str) -> bool:
        current = self.session.round
        return (
            self.session.stage is Stage.PLANNING
            and current is not None
            and current.phase.phase_id == phase_id
        )

    def _planned(self, event: Planned, now: float, step: Step) -> None:
        """Train as the functions say; of those they chose, who has left meanwhile is left out."""
        session, current = self.session, self.session.round
        assert session.functions, "only they plan"
        assert current, "it is being planned"
        current.functions_state = event.state
        chosen = event.clients if session.functions.selects else None
        current.phase = self._plan_phase("TRAIN", current.number, current.attempt, now, chosen)
        current.phase.settings = event.settings
        if current.phase.clients < session.min_clients:
            count, least = current.phase.clients, session.min_clients
            self._refuse(
                f"the server functions chose {count} of at least {least} clients", now, step
            )
        else:
            self._train(current, step)

    def _plan_phase(
        self, kind: str, number: int, attempt: int, now: float, chosen: list[str] | None = None
    ) -> Phase:
        session = self.session
        seed = f"{session.seed}/{kind}/{number}/{attempt}"
        if chosen is None:
            shares = sample_clients(self._capable(kind), session.requested_clients, seed)
        else:
            shares = shares_of(self._capable(kind), chosen)
        return Phase(
            phase_id=self._id(kind, number, attempt),
            kind=kind,
            number=number,
            model=session.model,
            deadline=now + session.round_timeout + limits.round_grace_seconds,
            shares={combiner: Share(clients) for combiner, clients in shares.items()},
        )

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
            self._note_problem(current, f"{event.client}: {event.message}")

    def _note_problem(self, current: Round, problem: str) -> None:
        others = [each for each in current.problems if each != problem]
        current.problems = [*others, problem][-limits.round_problems_max :]

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
        current.phase.deadline = now + self.session.round_timeout + limits.round_grace_seconds
        self._ask_to_reduce(step)

    def _too_few(self, current: Round, answers: int) -> str:
        failures = [share.failure for share in current.phase.shares.values() if share.failure]
        why = "; ".join([*failures, *current.problems]) or "nobody answered in time"
        return f"{answers} of at least {self.session.min_clients} clients answered ({why})"

    # Reducing and committing

    def _ask_to_reduce(self, step: Step, *, rather_not: str = "") -> None:
        """Ask the connected combiner that holds most; while none that could is connected, nobody."""
        current = self.session.round
        if self.session.stage is not Stage.REDUCING or current is None:
            return
        shares = current.phase.shares
        is_shared = len(shares) > 1 or self.session.is_asynchronous
        able = [name for name in sorted(self._connected) if is_shared or name in shares]
        able = [name for name in able if name != rather_not] or able
        current.reducer = max(
            able, key=lambda name: shares[name].weight if name in shares else 0.0, default=""
        )
        if current.reducer:
            step.actions.append(Reduce(current.reducer, current))

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

    def _remember(self, current: Round, state: BlobRef | None) -> None:
        """Take over what the aggregator remembers, or the server functions in its place."""
        session = self.session
        if session.functions and session.functions.aggregates:
            session.functions.remember(state, current.functions_state)
            return
        session.obsolete_state_id = session.aggregator_state.id if session.aggregator_state else ""
        session.aggregator_state = state
        if session.functions:
            session.functions.remember(current.functions_state)

    # Validation

    def _validate(self, number: int, now: float, step: Step) -> None:
        if not self.session.validate:
            return
        phase = self._plan_phase("VALIDATE", number, 0, now)
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
        if self.session.stage is Stage.PLANNING:
            self._try_again("no combiner planned it in time", now, step)
            return
        if self.session.stage is Stage.REDUCING:
            self._try_again("no combiner merged the updates in time", now, step)
            return
        close_silent_shares(current.phase)
        self._training_over(current, now, step)

    def _refuse(self, problem: str, now: float, step: Step) -> None:
        """What a combiner was asked for the round cannot be done, which the round's document tells, too."""
        if current := self.session.round:
            current.problems = [*current.problems, problem][-limits.round_problems_max :]
        self._try_again(problem, now, step)

    def _try_again(self, problem: str, now: float, step: Step) -> None:
        """The attempt came to nothing: repeat the round, or give up after round_retries times."""
        session = self.session
        session.failures += 1
        if session.round:
            step.records.append(ended_round(session, session.round, "Failed", now))
            step.actions += releases(session.round.parts)
            if session.functions:
                session.functions.forget(session.round.functions_state)
            session.round = None
        if session.failures > session.round_retries:
            times = "once" if session.failures == 1 else f"{session.failures} times"
            reason = f"Round {session.number + 1} failed {times}; the last time {problem}."
            self._end(Status.FAILED, reason, now, step)
        else:
            self._wait_for_clients(now, step)

    def _end(self, status: Status, reason: str, now: float, step: Step) -> None:
        session = self.session
        if session.round:
            step.records.append(ended_round(session, session.round, "Terminated", now))
        step.actions += releases(session.phases())
        session.round, session.waiting_until = None, None
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
