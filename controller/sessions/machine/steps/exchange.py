"""The step in which clients exchange small messages of secure aggregation through the controller.

A round has several, one after the other. The messages of each follow from the answers to those before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from fednet import limits
from fednet.errors import SecureRoundFailed

from .. import phases, secure
from ..events import Event
from ..phases import failures, noted
from ..scene import Scene
from ..state import Phase
from .step import Done, Failed, Outcome


class Exchange:
    """A question to some clients of the round; over once all have answered, or enough and the others are away.

    Args:
        name: The name of the exchange in its protocol.
    """

    shown: ClassVar[str] = "exchanging"

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self, scene: Scene) -> Outcome:
        """Ask the clients; the first exchange begins an attempt of the protocol."""
        current = scene.round
        current.secure = current.secure or secure.new_secure_round(scene)
        secure.look_around(scene)
        try:
            told = secure.messages(scene, self.name)
        except SecureRoundFailed as problem:
            return Failed(problem.message)
        current.deadline = scene.now + self._seconds(scene) + limits.round_grace_seconds
        phase_id = scene.id("EXCHANGE", self.name, current.number, current.attempt)
        phase = phases.new_phase(scene, "EXCHANGE_SECURELY", phase_id, current.number)
        current.phase, phase.messages, phase.secure = phase, told, secure.terms_text(scene)
        phases.ask(scene, phase, phases.places(scene, told), current.deadline)
        return self._outcome(phase, scene)

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Collect answers, and close early once no other one is to be expected."""
        current, phase = scene.round, self._phase(scene)
        phases.absorb(scene, phase, event, current.deadline or scene.now)
        if problem := phases.problem_of(phase, event):
            current.problems = noted(current.problems, problem)
        if secure.is_enough(scene, phase, self.name):
            phases.close_early(scene, phase)
        return self._outcome(phase, scene)

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that the combiner may not have heard."""
        current = scene.round
        phases.ask_again(scene, self._phase(scene), combiner, current.deadline or scene.now)

    def expire(self, scene: Scene) -> Outcome:
        """Go on with the answers that are in if they are enough."""
        phases.close_silent_shares(scene, self._phase(scene))
        return self._outcome(self._phase(scene), scene)

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the times at which absent combiners count as lost."""
        return phases.lost_at(scene, self._phase(scene))

    def _phase(self, scene: Scene) -> Phase:
        phase = scene.round.phase
        assert phase, "an exchange begins with its phase"
        if not phase.messages:  # it comes from the session's document
            phase.messages = secure.messages(scene, self.name)
        return phase

    def _seconds(self, scene: Scene) -> float:
        secrecy = scene.session.options.secrecy
        assert secrecy, "only a session with secure aggregation has exchanges"
        return secrecy.exchange_timeout

    def _outcome(self, phase: Phase, scene: Scene) -> Outcome:
        current = scene.round
        if not phase.is_closed:
            return None
        count, least = len(scene.tally(phase).values), secure.enough(scene, self.name)
        secure.count(scene, self.name, phase)
        current.exchanges[self.name], current.phase = phase, None
        if count >= least:
            current.problems = noted(current.problems, *secure.offences(scene))
            return Done()
        why = (
            "; ".join([*failures(phase), *current.problems]) or "the others did not answer in time"
        )
        return Failed(
            f"{count} of at least {least} clients answered in the exchange {self.name} ({why})"
        )
