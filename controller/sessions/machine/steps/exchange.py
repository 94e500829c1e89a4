"""The step in which clients exchange values through the combiners: bytes or JSON, each within limits.

A round may have several, one after the other. The next one is computed from the values of those before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import phases
from ..events import Event
from ..phases import failures, noted
from ..scene import Scene
from ..state import NOWHERE, Phase
from .step import Done, Failed, Outcome

Prepare = Callable[[Scene], Mapping[str, dict[str, Any]]]
"""Returns the settings of each client that is asked, by its id."""


class Exchange:
    """A request for a value of each client; done once all have answered, or enough at the deadline.

    Args:
        name: The name of the exchange, unique in its round.
        prepare: Chooses the clients, and computes their settings.
    """

    shown = "training"

    def __init__(self, name: str, prepare: Prepare) -> None:
        self.name = name
        self._prepare = prepare

    def start(self, scene: Scene) -> Outcome:
        """Ask the clients."""
        current = scene.round
        current.deadline = scene.deadline()
        phase_id = scene.id("EXCHANGE", self.name, current.number, current.attempt)
        current.phase = phases.new_phase(scene, "EXCHANGE", phase_id, current.number)
        settings = {client: dict(told) for client, told in self._prepare(scene).items()}
        current.phase.client_settings = settings
        places: dict[str, list[str]] = {}
        for client in sorted(settings):
            places.setdefault(scene.network.place(client) or NOWHERE, []).append(client)
        phases.ask(scene, current.phase, places, current.deadline)
        return self._outcome(current.phase, scene)

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Collect values."""
        current, phase = scene.round, self._phase(scene)
        phases.absorb(scene, phase, event, current.deadline or scene.now)
        if problem := phases.problem_of(phase, event):
            current.problems = noted(current.problems, problem)
        return self._outcome(phase, scene)

    def resume(self, combiner: str, scene: Scene) -> None:
        """Repeat the orders that the combiner may not have heard."""
        current = scene.round
        phases.ask_again(scene, self._phase(scene), combiner, current.deadline or scene.now)

    def expire(self, scene: Scene) -> Outcome:
        """Go on with the values that are in if they are enough."""
        phases.close_silent_shares(scene, self._phase(scene))
        return self._outcome(self._phase(scene), scene)

    def timers(self, scene: Scene) -> Iterable[float]:
        """Return the times at which absent combiners count as lost."""
        return phases.lost_at(scene, self._phase(scene))

    def _phase(self, scene: Scene) -> Phase:
        assert scene.round.phase, "an exchange begins with its phase"
        return scene.round.phase

    def _outcome(self, phase: Phase, scene: Scene) -> Outcome:
        current, least = scene.round, scene.session.options.min_clients
        if not phase.is_closed:
            return None
        count = len(scene.tally(phase).values)
        if count >= least:
            current.exchanges[self.name] = phase
            current.phase = None
            return Done()
        why = "; ".join([*failures(phase), *current.problems]) or "nobody answered in time"
        return Failed(f"{count} of at least {least} clients took part in {self.name} ({why})")
