"""The step in which sum participants add up masks, each one vector of the size of the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from fednet.errors import SecureRoundFailed

from .. import phases, secure
from ..events import Event
from ..phases import failures, noted
from ..scene import Scene
from ..state import Phase, SecureRound
from .step import Done, Failed, Outcome


class Masks:
    """A request for the sums of masks; those of a sum participant that drops out are asked of the others."""

    name: ClassVar[str] = "masks"
    shown: ClassVar[str] = "unmasking"

    def start(self, scene: Scene) -> Outcome:
        """Ask the sum participants that are here."""
        scene.round.deadline = scene.deadline()
        return self._ask(scene)

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Count the sums, and close early once no other one is to be expected."""
        current, phase = scene.round, self._phase(scene)
        phases.absorb(scene, phase, event, current.deadline or scene.now)
        if problem := phases.problem_of(phase, event):
            current.problems = noted(current.problems, problem)
        if secure.others_are_away(scene, phase):
            phases.close_early(scene, phase)
        return self._outcome(phase, scene)

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that the combiner may not have heard."""
        current = scene.round
        phases.ask_again(scene, self._phase(scene), combiner, current.deadline or scene.now)

    def expire(self, scene: Scene) -> Outcome:
        """Give up those that are silent."""
        phases.close_silent_shares(scene, self._phase(scene))
        return self._outcome(self._phase(scene), scene)

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the times at which absent combiners count as lost."""
        return phases.lost_at(scene, self._phase(scene))

    def _ask(self, scene: Scene) -> Outcome:
        """Divide the masks that are missing among the sum participants; done if none is."""
        current, attempt = scene.round, self._attempt(scene)
        attempt.alive = [
            client
            for client in attempt.helpers
            if client not in attempt.silent and scene.network.place(client)
        ]
        try:
            told = secure.messages(scene, self.name)
        except SecureRoundFailed as problem:
            return Failed(problem.message)
        if not told:
            return Done()
        phase_id = scene.id(
            "MASKS", current.number, current.attempt, len(attempt.silent), len(current.mask_parts)
        )
        phase = phases.new_phase(scene, "SUM_MASKS", phase_id, current.number)
        current.phase, phase.messages = phase, told
        phase.secure, phase.is_shared = secure.terms_text(scene), len(scene.network.combiners) > 1
        phases.ask(scene, phase, phases.places(scene, told), current.deadline or scene.now)
        return None

    def _phase(self, scene: Scene) -> Phase:
        phase = scene.round.phase
        assert phase, "the step asks when it begins"
        if not phase.messages:  # it comes from the session's document
            phase.messages = secure.messages(scene, self.name)
        return phase

    def _attempt(self, scene: Scene) -> SecureRound:
        assert scene.round.secure, "only rounds with secure aggregation have this step"
        return scene.round.secure

    def _outcome(self, phase: Phase, scene: Scene) -> Outcome:
        """Keep the sums that came, and ask for the others."""
        if not phase.is_closed:
            return None
        if problem := secure.mismatch(scene, phase):
            return Failed(problem)
        current, attempt = scene.round, self._attempt(scene)
        answered = scene.tally(phase).answered
        for client, message in phase.messages.items():
            if client in answered:
                attempt.subsets[client] = sorted(
                    {*attempt.subsets.get(client, []), *message["subsets"]}
                )
            else:
                attempt.silent.append(client)
        current.mask_parts += [phase] if phase.answers else []
        current.phase = None
        outcome = self._ask(scene)
        if isinstance(outcome, Failed) and (
            why := "; ".join([*failures(phase), *current.problems])
        ):
            return Failed(f"{outcome.problem.rstrip('.')} ({why})")
        return outcome
