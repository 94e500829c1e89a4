"""The step in which a user's server functions choose the clients and their settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..choice import everyone, planner_among, shares_of
from ..documents import record_pending_round
from ..events import Event, NetworkEvent, Planned, PlanRefused, Unheard
from ..orders import PlanRound
from ..phases import noted, release
from ..scene import Scene
from ..state import Functions
from .step import Done, Failed, Outcome


class Plan:
    """A request to one combiner that allows server functions; each attempt is planned anew, for new answers."""

    name: ClassVar[str] = "plan"
    shown: ClassVar[str] = "planning"

    def start(self, scene: Scene) -> Outcome:
        """Drop the plan of an earlier attempt, and ask."""
        current = scene.round
        if current.phase:
            release(scene, current.phase)
            current.phase = None
        current.deadline = scene.deadline()
        record_pending_round(scene)
        self._ask(scene)
        return None

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Take the plan; ask another combiner if the asked one is gone."""
        current = scene.round
        about = (current.id, current.attempt)
        match event:
            case Planned(round_id, attempt) if (round_id, attempt) == about:
                return self._planned(event, scene)
            case PlanRefused(round_id, attempt, message) if (round_id, attempt) == about:
                problem = f"it could not be planned: {message}"
                current.problems = noted(current.problems, problem)
                return Failed(problem)
            case Unheard(PlanRound(combiner)) if combiner == current.planner:
                self._ask(scene, rather_not=combiner)
            case _ if isinstance(event, NetworkEvent):
                if current.planner not in scene.network.allowing:
                    self._ask(scene)
        return None

    def resume(self, combiner: str, scene: Scene) -> None:
        """Ask again; the combiner may not have heard."""
        if scene.round.planner in {"", combiner}:
            self._ask(scene)

    def expire(self, scene: Scene) -> Outcome:  # noqa: ARG002  the same for all steps
        """Fail: nobody planned in time."""
        return Failed("no combiner that allows server functions planned it in time")

    def timers(self, scene: Scene) -> Iterable[float]:  # noqa: ARG002  the same for all steps
        """Return nothing: only the deadline counts."""
        return ()

    def _ask(self, scene: Scene, *, rather_not: str = "") -> None:
        """Ask a connected combiner that allows them, if there is one."""
        current = scene.round
        current.planner = planner_among(scene.network.allowing, rather_not)
        if current.planner:
            clients = tuple(everyone(scene.network.capable(scene.session.asks)))
            scene.order(PlanRound(current.planner, current, clients))

    def _planned(self, event: Planned, scene: Scene) -> Outcome:
        """Hand on the choice, without chosen clients that have left meanwhile."""
        current, least = scene.round, scene.session.options.min_clients
        current.functions_state, current.settings = event.state, event.settings
        if _functions(scene).selects:
            current.choice = shares_of(scene.network.capable(scene.session.asks), event.clients)
        count = sum(map(len, current.choice.values()))
        if count >= least:
            return Done()
        problem = f"the server functions chose {count} of at least {least} clients"
        current.problems = noted(current.problems, problem)
        return Failed(problem)


def _functions(scene: Scene) -> Functions:
    assert scene.session.functions, "only a session with functions has this step"
    return scene.session.functions
