"""The step in which clients predict with a model; their predictions are stored as they come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from .. import phases
from ..events import Event
from ..phases import failures, noted
from ..scene import Scene
from ..state import Phase
from .step import Done, Failed, Outcome


class Predict:
    """The predictions of the chosen clients; done with at least one."""

    name: ClassVar[str] = "predict"
    shown: ClassVar[str] = "predicting"

    def start(self, scene: Scene) -> Outcome:
        """Ask the chosen clients."""
        current, phase = scene.round, self._phase(scene)
        current.deadline = scene.deadline()
        phases.ask(scene, phase, current.choice, current.deadline)
        current.choice = {}
        return None

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Count answers."""
        current, phase = scene.round, self._phase(scene)
        phases.absorb(scene, phase, event, current.deadline or scene.now)
        if problem := phases.problem_of(phase, event):
            current.problems = noted(current.problems, problem)
        return self._outcome(phase, scene) if phase.is_closed else None

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that the combiner may not have heard."""
        current = scene.round
        phases.ask_again(scene, self._phase(scene), combiner, current.deadline or scene.now)

    def expire(self, scene: Scene) -> Outcome:
        """End with the predictions that are in."""
        phases.close_silent_shares(scene, self._phase(scene))
        return self._outcome(self._phase(scene), scene)

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the times at which absent combiners count as lost."""
        return phases.lost_at(scene, self._phase(scene))

    def _phase(self, scene: Scene) -> Phase:
        current = scene.round
        if current.phase is None:
            phase_id = scene.id("PREDICT", current.number)
            current.phase = phases.new_phase(scene, "PREDICT", phase_id, current.number)
        return current.phase

    def _outcome(self, phase: Phase, scene: Scene) -> Outcome:
        why = "; ".join([*failures(phase), *scene.round.problems])
        counts = f"{phase.answers} of {phase.clients} clients predicted"
        reason = f"{counts} ({why})" if why else counts
        return Done(reason) if phase.answers else Failed(reason)
