"""The kernel of a session: a pure machine that runs the steps of one round after the other.

Events go in with the time; a decision comes out: documents to write and orders to give, in that order. The kernel does
no I/O, reads no clock, and knows no step by name. It owns the attempts, the deadlines, the pause and the end:

    attempt begins ──> step ──done──> step ──done──> … ──done──> the round is over ──> next round, or drain and end
       ▲                 │ failed, or its deadline has passed
       └── after a pause ┘          (round_retries times, then FAILED)

Until `Began`, the network and stored answers only bring the picture up to date, and no deadline is judged:
everybody who was away can speak before.
"""

from __future__ import annotations

from typing import Any

from fednet import limits
from fednet.readiness import READY

from . import progress
from .attempts import (
    awaited_in_words,
    first_attempt,
    forget_attempt,
    reason_of_failure,
    rest_before_next_attempt,
)
from .documents import ended_round
from .events import (
    Answered,
    Began,
    Broke,
    ClientJoined,
    CombinerUp,
    Event,
    MoreRoundsAsked,
    NetworkEvent,
    PauseAsked,
    ResumeAsked,
    StopAsked,
    TimeLost,
)
from .network import Network
from .orders import Decision, ReleasePhase
from .phases import release
from .plans import SessionPlan, plan_of
from .privacy import budget_problem
from .scene import Scene
from .state import NOWHERE, Phase, Round, Session, Status
from .steps.step import Done, Failed, Outcome, Step
from .tally import Tally

_PASSING = (Answered, ClientJoined)
"""Events that are stored elsewhere or are told again: alone, they make no decision lasting."""


class Machine:
    """The machine of one session.

    Args:
        session: Its state; changed in place.
        plan: Its steps; by default those of its kind.
    """

    def __init__(self, session: Session, plan: SessionPlan | None = None) -> None:
        self.session = session
        self._plan = plan or plan_of(session)
        package = session.package.digest.value if session.package else ""
        self._network = Network(session.session_id, package)
        self._tallies: dict[str, Tally] = {}
        self._is_awake = False
        self._now = 0.0

    def handle(self, event: Event, now: float) -> Decision:
        """Return the decision that follows from an event.

        Args:
            event: The event.
            now: Seconds since 1970.
        """
        scene = Scene(self.session, self._network, self._tallies, now)
        self._now = now
        if isinstance(event, NetworkEvent):
            self._network.absorb(event, now)
        if self.session.status.is_final:
            return scene.decision
        before = self._marks()
        if self._is_awake or not isinstance(event, NetworkEvent | Answered):
            self._dispatch(event, scene)
        else:
            self._catch_up(event, scene)
        if self._is_awake and not self.session.status.is_final:
            self._expire(scene)
        self._judge(scene, before)
        return scene.decision

    def next_deadline(self) -> float | None:
        """Return the time of the next `TimePassed`, in seconds since 1970; None if nothing is awaited."""
        if self.session.status.is_final or not self._is_awake:
            return None
        scene = Scene(self.session, self._network, self._tallies, self._now)
        times = [time for beside in self._plan.beside for time in beside.timers(scene)]
        if current := self.session.round:
            times += [time for time in (current.deadline, current.rests_until) if time is not None]
            times += self._step(current).timers(scene) if current.step else []
        return min((time for time in times if time > self._now), default=None)

    @property
    def round_number(self) -> int:
        """The number of the round under way, or of the last one; 0 if people see no rounds."""
        return progress.round_number(self.session, self._plan)

    @property
    def progress(self) -> dict[str, Any]:
        """The present round's progress, as people see it."""
        return progress.progress(self.session, self._plan, self._tallies, self._network)

    def document(self) -> dict[str, Any]:
        """Return the fields of the session's document that follow from its state."""
        session = self.session
        return {
            "status": str(session.status),
            "reason": session.reason,
            "round_number": self.round_number,
            "rounds_total": session.options.rounds if self._plan.has_rounds else 0,
            "model_id": session.model.id,
            "progress": self.progress,
            "state": session.to_dict(),
        }

    # Events

    def _dispatch(self, event: Event, scene: Scene) -> None:
        match event:
            case Began(away_seconds):
                self._begin(away_seconds, scene)
            case TimeLost(seconds):
                self._shift(seconds, scene.now)
            case StopAsked(reason):
                self._end(Status.TERMINATED, reason, scene)
            case Broke(reason):
                self._end(Status.FAILED, reason, scene)
            case PauseAsked():
                self._pause()
            case ResumeAsked():
                self._resume(scene)
            case MoreRoundsAsked(rounds):
                self._add_rounds(rounds, scene)
            case CombinerUp():
                self._combiner_up(event, scene)
                self._tell_steps(event, scene)
            case _:
                self._tell_steps(event, scene)

    def _tell_steps(self, event: Event, scene: Scene) -> None:
        for beside in self._plan.beside:
            beside.absorb(event, scene)
        if (current := self.session.round) and current.step:
            self._go_on(self._step(current).absorb(event, scene), scene)
        self._finish_if_drained(scene)

    def _catch_up(self, event: Event, scene: Scene) -> None:
        """Count a stored answer of a phase that is under way."""
        for phase in self.session.phases():
            if isinstance(event, Answered) and phase.phase_id == event.phase_id:
                scene.tally(phase).add(event)

    def _combiner_up(self, event: CombinerUp, scene: Scene) -> None:
        """Repeat orders, release phases that the combiner holds in vain, and let tasks follow its clients."""
        held_here = {phase.phase_id for phase in self._phases_at(event.combiner)}
        scene.order(
            *(ReleasePhase(event.combiner, id_) for id_ in sorted(event.phases - held_here))
        )
        self._repeat_orders(event.combiner, scene)
        for client, kinds in event.clients.items():
            if self._network.place(client) == event.combiner:
                readiness = event.waiting.get(client, READY)
                self._tell_steps(ClientJoined(event.combiner, client, kinds, readiness), scene)

    def _repeat_orders(self, combiner: str, scene: Scene) -> None:
        for beside in self._plan.beside:
            beside.resume(combiner, scene)
        if (current := self.session.round) and current.step:
            self._step(current).resume(combiner, scene)

    # The beginning, and coming back

    def _begin(self, away_seconds: float, scene: Scene) -> None:
        """Begin; or go on where another controller, or an earlier process, left off."""
        self._is_awake = True
        if self.session.status is Status.INITIALIZED:
            self.session.status = Status.STARTED
            self._begin_round(scene)
            return
        self._shift(away_seconds, scene.now)
        asked = {combiner for phase in self.session.phases() for combiner in phase.shares}
        for combiner in asked - {NOWHERE}:
            self._network.miss(combiner, scene.now)
        for combiner in sorted(self._network.combiners):
            self._repeat_orders(combiner, scene)
        if self.session.round is None and not self.session.is_draining:
            self._begin_round(scene)
        elif (current := self.session.round) and not current.step:
            self._begin_attempt(scene)

    def _shift(self, seconds: float, now: float) -> None:
        """Move all deadlines on by time that nobody could use."""
        least = now + limits.round_grace_seconds
        for beside in self._plan.beside:
            beside.shift(self.session, seconds, least)
        current = self.session.round
        if current and current.deadline is not None:
            current.deadline = max(current.deadline + seconds, least)

    # Pausing, and more rounds

    def _pause(self) -> None:
        """Finish the round that has asked somebody; begin no other."""
        self.session.status = Status.PAUSED
        current = self.session.round
        if current and current.step == self._plan.steps[0].name:
            current.step, current.deadline = "", None

    def _resume(self, scene: Scene) -> None:
        if self.session.status is not Status.PAUSED:
            return
        self.session.status = Status.STARTED
        current = self.session.round
        if current is None and not self.session.is_draining:
            self._begin_round(scene)
        elif current and not current.step:
            self._begin_attempt(scene)

    def _add_rounds(self, rounds: int, scene: Scene) -> None:
        self.session.add_rounds(rounds)
        if self.session.is_draining:
            self.session.is_draining = False
            self._begin_round(scene)

    # Rounds, attempts, steps

    def _begin_round(self, scene: Scene) -> None:
        session = self.session
        if session.status is Status.PAUSED:
            return
        if problem := budget_problem(session):
            self._drain(problem, scene)
            return
        session.round = first_attempt(scene)
        self._begin_attempt(scene)

    def _begin_attempt(self, scene: Scene) -> None:
        """Start the first step, unless the session is paused or rests after a failure."""
        current = scene.round
        rests = current.rests_until is not None and scene.now < current.rests_until
        if self.session.status is Status.PAUSED or rests:
            return
        current.rests_until = None
        self._start(self._plan.steps[0], scene)

    def _start(self, step: Step, scene: Scene) -> None:
        scene.round.step, scene.round.deadline = step.name, None
        self._go_on(step.start(scene), scene)

    def _go_on(self, outcome: Outcome, scene: Scene) -> None:
        """Start the next step, or try again."""
        match outcome:
            case Failed(problem):
                self._try_again(problem, scene)
            case Done(reason):
                following = self._plan.after(scene.round.step)
                if following:
                    self._start(following, scene)
                else:
                    self._round_over(reason, scene)

    def _round_over(self, reason: str, scene: Scene) -> None:
        session = self.session
        session.number, session.round = scene.round.number, None
        session.failures, session.excused, session.reopened = 0, 0, 0
        for beside in self._plan.beside:
            beside.committed(scene)
        if session.number < session.options.rounds:
            self._begin_round(scene)
        else:
            self._drain(reason, scene)

    def _drain(self, reason: str, scene: Scene) -> None:
        """Begin no further round, and end once nothing goes on beside the rounds."""
        self.session.is_draining, self.session.reason = True, reason
        self._finish_if_drained(scene)

    def _finish_if_drained(self, scene: Scene) -> None:
        session = self.session
        if session.is_draining and all(each.is_idle(session) for each in self._plan.beside):
            self._end(Status.FINISHED, session.reason or "all rounds are done", scene)

    # Deadlines, failures, the end

    def _expire(self, scene: Scene) -> None:
        session = self.session
        for beside in self._plan.beside:
            beside.expire(scene)
        self._finish_if_drained(scene)
        current = session.round
        if current and not current.step:
            self._begin_attempt(scene)
        elif current and current.deadline is not None and scene.now >= current.deadline:
            self._go_on(self._step(current).expire(scene), scene)

    def _try_again(self, problem: str, scene: Scene) -> None:
        """Repeat the round after a pause, or give up after round_retries times."""
        session, current = self.session, scene.round
        session.failures += 1
        session.excused += self._is_excused(current, scene)
        if current.is_recorded:
            scene.write(ended_round(scene, "Failed"))
        spent = budget_problem(session)
        may_retry = session.failures - session.excused <= session.options.round_retries
        if may_retry and not spent:
            rest_before_next_attempt(scene)
            return
        forget_attempt(session, current)
        release(scene, *current.phases)
        session.round = None
        has_rounds = self._plan.has_rounds
        reason = reason_of_failure(session, problem) if has_rounds else problem
        if spent:
            reason = f"{reason.rstrip('.')}; {spent}."
        awaited = awaited_in_words(scene.network.awaited(session.asks))
        self._end(Status.FAILED, " ".join([reason, *awaited]), scene)

    def _is_excused(self, current: Round, scene: Scene) -> bool:
        """Return True if too few clients are ready, and enough will be: the attempt could not succeed.

        Clients that await an approval excuse the attempt that told them of it. The next one waits for them as long as
        for clients that are away.
        """
        session, network = self.session, scene.network
        kind, least = session.asks, session.options.min_clients
        ready, later = network.count(kind), network.count_preparing(kind, scene.now)
        if current.step != self._plan.steps[0].name:
            later += network.count_awaiting(kind)
        return ready < least <= ready + later

    def _end(self, status: Status, reason: str, scene: Scene) -> None:
        session = self.session
        if session.round and session.round.is_recorded:
            scene.write(ended_round(scene, "Terminated"))
        if session.round:
            forget_attempt(session, session.round)
        release(scene, *session.phases())
        session.round, session.validations, session.flights = None, {}, {}
        session.is_draining = False
        session.status, session.reason = status, reason

    # Helpers

    def _step(self, current: Round) -> Step:
        return self._plan.step(current.step)

    def _phases_at(self, combiner: str) -> list[Phase]:
        return [phase for phase in self.session.phases() if combiner in phase.shares]

    def _marks(self) -> tuple[Any, ...]:
        """Return the values whose change makes a decision lasting."""
        session, current = self.session, self.session.round
        where = (current.attempt, current.step, current.rests_until) if current else ()
        return (session.status, session.number, session.options.rounds, session.is_draining, where)

    def _judge(self, scene: Scene, before: tuple[Any, ...]) -> None:
        decision = scene.decision
        has_changed = self._marks() != before
        decision.is_lasting = bool(decision.orders or decision.projections or has_changed)
