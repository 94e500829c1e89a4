"""The step that waits for enough clients and draws the ones to ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..choice import sample_clients
from ..events import ClientJoined, CombinerUp, Event
from ..scene import Scene
from .step import Done, Failed, Outcome


class Select:
    """The wait for min_clients, then the draw of requested_clients with the session's seed.

    A repeated attempt keeps the answers that are in. It asks first the clients whose answer is missing.

    Args:
        kind: The kind of task that clients must be able to do.
    """

    name: ClassVar[str] = "select"
    shown: ClassVar[str] = "waiting"

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def start(self, scene: Scene) -> Outcome:
        """Draw at once if enough clients are connected."""
        scene.round.deadline = scene.now + scene.session.options.round_timeout
        return self._draw_if_possible(scene)

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Draw as soon as enough clients are connected."""
        is_news = isinstance(event, ClientJoined | CombinerUp)
        return self._draw_if_possible(scene) if is_news else None

    def resume(self, combiner: str, scene: Scene) -> None:
        """Do nothing: nobody was asked."""

    def expire(self, scene: Scene) -> Outcome:
        """Fail if too few clients came; wait on while those that prepare for tasks would be enough."""
        options, network = scene.session.options, scene.network
        ready, preparing = network.count(self._kind), network.count_preparing(self._kind, scene.now)
        if ready < options.min_clients <= ready + preparing:
            scene.round.deadline = scene.now + options.round_timeout
            return None
        return Failed(f"{ready} of at least {options.min_clients} clients were connected")

    def timers(self, scene: Scene) -> Iterable[float]:  # noqa: ARG002  the same for all steps
        """Return nothing: only the deadline counts."""
        return ()

    def _draw_if_possible(self, scene: Scene) -> Outcome:
        session, current = scene.session, scene.round
        answered = scene.tally(current.phase).answered if current.phase else {}
        if len(answered) >= session.options.min_clients:
            current.choice = {}
            return Done()
        if scene.network.count(self._kind) < session.options.min_clients - len(answered):
            return None
        capable = scene.network.capable(self._kind)
        taken = {*answered, *current.excluded}
        free = {combiner: clients - taken for combiner, clients in capable.items()}
        if sum(map(len, free.values())) < session.options.min_clients - len(answered):
            return None
        missing = scene.tally(current.phase).missing() if current.phase else []
        seed = f"{session.seed}/{self._kind}/{current.number}/{current.attempt}"
        requested = session.options.requested_clients - len(answered)
        current.choice = sample_clients(free, requested, seed, first=missing)
        return Done()
