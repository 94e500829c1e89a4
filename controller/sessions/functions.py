"""How a session goes on in which a user's server functions have a say: the machine of `machine.py`, with PLANNING.

    WAITING ──enough clients──> PLANNING ──they chose enough──> TRAINING ──> …
       ▲                            │
       └── they chose too few, ─────┘        (round_retries times, then FAILED)
           failed, or took too long

Functions that choose neither clients nor settings have no such stage. What they remember belongs to an attempt until
its round is committed; a round that is tried again begins with what they remembered before it.

Steps of theirs go only to combiners that allow them. Clients train wherever they are: where no combiner of theirs
allows what is to aggregate, their updates are shared, so that another combiner can.
"""

from __future__ import annotations

from collections.abc import Collection

from .choice import everyone, planner_among, shares_of
from .events import Action, Event, NetworkChanged, Plan, Planned, PlanRefused, Step
from .machine import Machine
from .phases import new_shares
from .state import BlobRef, Functions, Round, Session, Stage
from .trail import pending_round


class FunctionsMachine(Machine):
    """Moves a session with server functions on."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._allowing: frozenset[str] = frozenset()

    def handle(self, event: Event, now: float) -> Step:
        """What to do about an event; see `Machine.handle`."""
        if isinstance(event, NetworkChanged):
            self._allowing = event.allowing_functions.intersection(event.connected)
        return super().handle(event, now)

    @property
    def _functions(self) -> Functions:
        assert self.session.functions, "it is what makes a session one of these"
        return self.session.functions

    def _dispatch(self, event: Event, now: float, step: Step) -> None:
        match event:
            case Planned(phase_id):
                if current := self._in_planning(phase_id):
                    self._planned(current, event, now, step)
            case PlanRefused(phase_id, message):
                if self._in_planning(phase_id):
                    self._refuse(f"it could not be planned: {message}", now, step)
            case _:
                super()._dispatch(event, now, step)

    # Asking

    def _begin_round(self, current: Round, step: Step) -> None:
        """Nobody is asked to train before the functions have had their say."""
        current.functions_state = self._functions.state
        if not self._functions.plans:
            self._train(current, step)
            return
        self.session.stage = Stage.PLANNING
        current.phase.shares = {}
        step.records.append(pending_round(self.session, current))
        self._ask_to_plan(current, step)

    def _take_up(self, now: float, step: Step) -> None:
        super()._take_up(now, step)
        if current := self._in_planning():
            self._ask_to_plan(current, step)

    def _network_changed(self, now: float, step: Step) -> None:
        current = self._in_planning()
        if current is None:
            super()._network_changed(now, step)
        elif current.planner not in self._allowing:
            self._ask_to_plan(current, step)

    def _unheard(self, order: Action, step: Step) -> None:
        if not isinstance(order, Plan):
            super()._unheard(order, step)
            return
        current = self._in_planning(order.round.phase.phase_id)
        if current and current.planner == order.combiner:
            self._ask_to_plan(current, step, rather_not=order.combiner)

    def _ask_to_plan(self, current: Round, step: Step, *, rather_not: str = "") -> None:
        """Ask a connected combiner that allows them; while there is none, nobody."""
        current.planner = planner_among(self._allowing, rather_not)
        if current.planner:
            clients = list(everyone(self._capable("TRAIN")))
            step.actions.append(Plan(current.planner, current, clients))

    def _in_planning(self, phase_id: str | None = None) -> Round | None:
        """The running round, if it is being planned and the phase is its."""
        current = self.session.round
        if self.session.stage is not Stage.PLANNING or current is None:
            return None
        return current if phase_id in {None, current.phase.phase_id} else None

    # What comes of it

    def _planned(self, current: Round, event: Planned, now: float, step: Step) -> None:
        """Train as the functions say; of those they chose, who has left meanwhile is left out."""
        least = self.session.min_clients
        current.functions_state = event.state
        current.phase = self._new_phase("TRAIN", current.number, current.attempt, now)
        current.phase.settings = event.settings
        if self._functions.selects:
            current.phase.shares = new_shares(shares_of(self._capable("TRAIN"), event.clients))
        if (count := current.phase.clients) < least:
            problem = f"the server functions chose {count} of at least {least} clients"
            self._refuse(problem, now, step)
        else:
            self._train(current, step)

    def _round_deadline(self, current: Round, now: float, step: Step) -> None:
        if self.session.stage is Stage.PLANNING:
            self._try_again(
                "no combiner that allows server functions planned it in time", now, step
            )
        else:
            super()._round_deadline(current, now, step)

    # Where they aggregate

    def _train(self, current: Round, step: Step) -> None:
        nobody_may = self._allowing.isdisjoint(current.phase.shares)
        current.phase.merged_elsewhere = self._functions.aggregates and nobody_may
        super()._train(current, step)

    def _reducers(self) -> Collection[str]:
        return self._allowing if self._functions.aggregates else super()._reducers()

    # What they remember

    def _remember(self, current: Round, state: BlobRef | None) -> None:
        """Functions that aggregate do it in the aggregator's place."""
        if self._functions.aggregates:
            self._functions.remember(state, current.functions_state)
        else:
            super()._remember(current, state)
            self._functions.remember(current.functions_state)

    def _drop_round(self, status: str, now: float, step: Step) -> None:
        if self.session.round:
            self._functions.forget(self.session.round.functions_state)
        super()._drop_round(status, now, step)
