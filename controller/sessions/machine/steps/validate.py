"""The companion that lets clients validate each round's model while the next round trains."""

from __future__ import annotations

from collections.abc import Iterable

from fednet import limits

from .. import phases
from ..choice import sample_clients
from ..events import Answered, Event, Unanswered
from ..scene import Scene
from ..state import Session, Validation


class Validate:
    """The validation of each committed model; the last ones are awaited at the session's end."""

    def committed(self, scene: Scene) -> None:
        """Ask for the validation of the new model; end the oldest if a slow client has too many before it."""
        session = scene.session
        seed = f"{session.seed}/VALIDATE/{session.number}/0"
        capable = scene.network.capable("VALIDATE")
        shares = (
            sample_clients(capable, session.options.requested_clients, seed)
            if session.options.validate_models
            else {}
        )
        if not shares:
            return
        phase_id = scene.id("VALIDATE", session.number)
        phase = phases.new_phase(scene, "VALIDATE", phase_id, session.number)
        validation = Validation(phase, scene.deadline())
        session.validations[phase_id] = validation
        phases.ask(scene, phase, shares, validation.deadline)
        for old in list(session.validations.values())[: -limits.open_validations_max]:
            self._end(old, scene)

    def absorb(self, event: Event, scene: Scene) -> None:
        """Take in an event of a validation."""
        for validation in list(scene.session.validations.values()):
            phases.absorb(scene, validation.phase, event, validation.deadline)
            _note_end(validation, event, scene)
            if validation.phase.is_closed:
                self._end(validation, scene)

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that the combiner may not have heard."""
        for validation in scene.session.validations.values():
            phases.ask_again(scene, validation.phase, combiner, validation.deadline)

    def expire(self, scene: Scene) -> None:
        """End validations whose deadline has passed."""
        for validation in list(scene.session.validations.values()):
            if scene.now >= validation.deadline:
                self._end(validation, scene)

    def shift(self, session: Session, seconds: float, least: float) -> None:
        """Move all deadlines on."""
        for validation in session.validations.values():
            validation.deadline = max(validation.deadline + seconds, least)

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the deadlines, and the times at which absent combiners count as lost."""
        for validation in scene.session.validations.values():
            yield validation.deadline
            yield from phases.lost_at(scene, validation.phase)

    def is_idle(self, session: Session) -> bool:
        """Return True if no validation is awaited."""
        return not session.validations

    def _end(self, validation: Validation, scene: Scene) -> None:
        del scene.session.validations[validation.phase.phase_id]
        phases.release(scene, validation.phase)


def _note_end(validation: Validation, event: Event, scene: Scene) -> None:
    """Tell the training under way that a client begins with it only now."""
    if not isinstance(event, Answered | Unanswered) or event.phase_id != validation.phase.phase_id:
        return
    if (current := scene.session.round) and current.phase:
        scene.tally(current.phase).has_validated(event.client, scene.now)
