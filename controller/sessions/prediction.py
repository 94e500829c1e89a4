"""How a prediction session goes on: a pure state machine, like that of training, for one phase alone.

    waiting ──a client can predict──> predicting ──all closed, or the deadline──> ended

It is FINISHED if at least one client has answered, else FAILED; the reason says who did not. What clients predict does
not come by here: it is stored as it comes.
"""

from __future__ import annotations

import uuid

from fednet import limits

from .choice import sample_clients
from .events import (
    Action,
    Began,
    Broke,
    CombinerBack,
    Event,
    NetworkChanged,
    PhaseClosed,
    PhaseRefused,
    Step,
    StopAsked,
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
    failures,
    new_phase,
    noted,
    releases,
    starts,
)
from .state import Phase, PredictionSession, Share, Status

_KIND = "PREDICT"
_IDS = uuid.UUID("d1a9f3c6-2c0b-4f4e-8a35-7f0f6b1c9e42")


class PredictionMachine:
    """Moves one prediction session on.

    Args:
        session: Its state; changed in place.
    """

    def __init__(self, session: PredictionSession) -> None:
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
        if not self.session.status.is_final:
            self._dispatch(event, now, step)
            self._check_deadline(now, step)
        return step

    def next_deadline(self) -> float | None:
        """When `TimePassed` is worth telling, in seconds since 1970; None if nothing is awaited."""
        session = self.session
        if session.status.is_final:
            return None
        return session.phase.deadline if session.phase else session.waiting_until

    def _dispatch(self, event: Event, now: float, step: Step) -> None:
        match event:
            case Began():
                self._began(now, step)
            case NetworkChanged():
                self._ask_if_possible(now, step)
            case CombinerBack(combiner):
                step.actions += [start for start in self._starts() if start.combiner == combiner]
            case Unheard(order):
                self._unheard(order, step)
            case Unanswered():
                self._unanswered(event)
            case PhaseClosed(combiner, phase_id):
                self._share_closed(combiner, phase_id, closed_share(event), step)
            case PhaseRefused(combiner, phase_id, message):
                self._share_closed(combiner, phase_id, failed_share(message), step)
            case StopAsked(reason):
                self._end(Status.TERMINATED, reason, step)
            case Broke(reason):
                self._end(Status.FAILED, reason, step)
            case _:
                pass

    # The beginning, and coming back

    def _began(self, now: float, step: Step) -> None:
        """Begin; or, after a restart, ask again for all that may not have been heard."""
        session = self.session
        if session.status is Status.INITIALIZED:
            session.status = Status.STARTED
            session.waiting_until = now + session.round_timeout
            self._ask_if_possible(now, step)
            return
        self._give_time(now + limits.round_grace_seconds)
        step.actions += self._starts()

    def _give_time(self, until: float) -> None:
        """Combiners tell what happened while the controller was away: no deadline falls before they could."""
        session = self.session
        if session.phase:
            session.phase.deadline = max(session.phase.deadline, until)
        elif session.waiting_until is not None:
            session.waiting_until = max(session.waiting_until, until)

    def _ask_if_possible(self, now: float, step: Step) -> None:
        session = self.session
        able = capable(self._connected, _KIND)
        if session.status is not Status.STARTED or session.phase or not any(able.values()):
            return
        phase_id = str(uuid.uuid5(_IDS, session.document_id))
        requested = session.requested_clients or limits.session_clients_max
        shares = sample_clients(able, requested, phase_id)
        session.phase = new_phase(session, _KIND, phase_id, shares, now)
        session.waiting_until = None
        step.actions += self._starts()

    def _starts(self) -> list[Action]:
        """What combiners have been asked and have not yet done."""
        phase = self.session.phase
        return [*starts(phase, phase.phase_id)] if phase else []

    def _unheard(self, order: Action, step: Step) -> None:
        """Give an order again if it still stands; while its combiner is away, `CombinerBack` will."""
        if order.combiner in self._connected:
            step.actions += [each for each in self._starts() if each == order]

    # Answers, and the end

    def _unanswered(self, event: Unanswered) -> None:
        session = self.session
        session.problems = noted(session.problems, f"{event.client}: {event.message}")

    def _share_closed(self, combiner: str, phase_id: str, closed: Share, step: Step) -> None:
        phase = self.session.phase
        if phase and phase.phase_id == phase_id:
            close_share(phase, combiner, closed)
            if phase.is_closed:
                self._over(phase, step)

    def _check_deadline(self, now: float, step: Step) -> None:
        session = self.session
        if session.status.is_final:
            return
        if session.waiting_until is not None and now >= session.waiting_until:
            self._end(Status.FAILED, "no client that can predict was connected", step)
        elif session.phase and now >= session.phase.deadline:
            close_silent_shares(session.phase)
            self._over(session.phase, step)

    def _over(self, phase: Phase, step: Step) -> None:
        why = "; ".join([*failures(phase), *self.session.problems])
        counts = f"{phase.answers} of {phase.clients} clients predicted"
        status = Status.FINISHED if phase.answers else Status.FAILED
        self._end(status, f"{counts} ({why})" if why else counts, step)

    def _end(self, status: Status, reason: str, step: Step) -> None:
        session = self.session
        if session.phase:
            step.actions += releases([session.phase])
        session.status, session.reason, session.waiting_until = status, reason, None
