"""The step in which clients train and combiners fold their updates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from fednet.errors import SecureRoundFailed

from .. import phases, secure
from ..documents import record_pending_round
from ..events import Event
from ..outliers import outlier_statuses
from ..phases import failures, noted
from ..privacy import spend
from ..scene import Scene
from ..state import Phase
from .step import Done, Failed, Outcome


class Train:
    """The training of the chosen clients; a repeated attempt adds to the answers that are in."""

    name: ClassVar[str] = "train"
    shown: ClassVar[str] = "training"

    def start(self, scene: Scene) -> Outcome:
        """Ask the chosen clients."""
        current = scene.round
        try:
            phase = self._phase(scene)
        except SecureRoundFailed as problem:
            return Failed(problem.message)
        current.deadline, current.phase = scene.deadline(), phase
        spend(scene.session, "local")
        spend(scene.session, "distributed")
        phases.ask(scene, phase, current.choice, current.deadline)
        current.choice = {}
        record_pending_round(scene)
        return self._outcome(phase, scene)

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Count answers, and close early once enough are in."""
        current, phase = scene.round, self._phase(scene)
        lost = phase.losses
        phases.absorb(scene, phase, event, current.deadline or scene.now)
        spend(scene.session, "local", phase.losses - lost)
        if problem := phases.problem_of(phase, event):
            current.problems = noted(current.problems, problem)
        if not current.planned_at and len(phase.begun) >= len(phase.shares):
            current.planned_at = scene.now
        if 0 < scene.session.options.round_buffer_size <= len(scene.tally(phase).answered):
            phases.close_early(scene, phase)
        return self._outcome(phase, scene)

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that the combiner may not have heard."""
        current = scene.round
        phases.ask_again(scene, self._phase(scene), combiner, current.deadline or scene.now)

    def expire(self, scene: Scene) -> Outcome:
        """Go on with the closed shares if they are enough."""
        phases.close_silent_shares(scene, self._phase(scene))
        return self._outcome(self._phase(scene), scene)

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the times at which absent combiners count as lost."""
        return phases.lost_at(scene, self._phase(scene))

    def _phase(self, scene: Scene) -> Phase:
        """Return the phase under way, or a new one that has asked nobody."""
        current, functions = scene.round, scene.session.functions
        if current.phase is None:
            phase_id = scene.id("TRAIN", current.number, current.attempt)
            current.phase = phases.new_phase(scene, scene.session.asks, phase_id, current.number)
            current.phase.settings = current.settings
            current.phase.client_settings = current.client_settings
            nobody_may = scene.network.allowing.isdisjoint(current.choice)
            current.phase.is_shared = bool(functions and functions.aggregates and nobody_may)
        if current.secure and not current.phase.messages:
            secure.mask(scene, current.phase)
        return current.phase

    def _outcome(self, phase: Phase, scene: Scene) -> Outcome:
        current, least = scene.round, scene.session.options.min_clients
        if not phase.is_closed:
            return None
        if problem := secure.mismatch(scene, phase):
            return Failed(problem)
        if phase.answers >= least:
            current.parts, current.trained_at = [phase], scene.now
            if current.secure:
                secure.count(scene, self.name, phase)
            current.validated_seconds = self._validated_seconds(phase, scene)
            scene.write(*outlier_statuses(scene, phase))
            return Done()
        why = "; ".join([*failures(phase), *current.problems]) or "nobody answered in time"
        return Failed(f"{phase.answers} of at least {least} clients answered ({why})")

    def _validated_seconds(self, phase: Phase, scene: Scene) -> float:
        """Return the time after the plan in which the last client to answer was still validating another model."""
        current, tally = scene.round, scene.tally(phase)
        began = current.planned_at or current.started_at
        return max(0.0, tally.validated_at.get(tally.last, began) - began)
