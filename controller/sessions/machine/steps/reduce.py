"""The step in which one combiner merges the partials into the new model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from fednet.errors import SecureRoundFailed

from .. import secure
from ..choice import reducer_among
from ..events import Event, NetworkEvent, Reduced, ReduceRefused, Unheard
from ..orders import ReduceRound
from ..phases import noted
from ..privacy import spend
from ..scene import Scene
from ..state import Share
from .step import Done, Failed, Outcome


class Reduce:
    """A request to the connected combiner with the largest weight; to another one if that goes away."""

    name: ClassVar[str] = "reduce"
    shown: ClassVar[str] = "reducing"

    def start(self, scene: Scene) -> Outcome:
        """Ask for the model."""
        scene.round.deadline = scene.deadline()
        spend(scene.session, "central")
        try:
            self._ask(scene)
        except SecureRoundFailed as problem:
            return Failed(problem.message)
        return None

    def absorb(self, event: Event, scene: Scene) -> Outcome:
        """Take the model; ask another combiner if the asked one is gone."""
        current = scene.round
        match event:
            case Reduced(model, seconds, state, share) if model.id == current.model_id:
                current.model, current.state, current.reduce_seconds = model, state, seconds
                current.share_within_clip = share
                return Done()
            case ReduceRefused(current.model_id, message):
                problem = f"the updates could not be merged: {message}"
                current.problems = noted(current.problems, problem)
                return Failed(problem)
            case Unheard(ReduceRound(combiner)) if combiner == current.reducer:
                self._ask(scene, rather_not=combiner)
            case _ if isinstance(event, NetworkEvent):
                if current.reducer not in self._reducers(scene):
                    self._ask(scene)
        return None

    def resume(self, combiner: str, scene: Scene) -> None:
        """Ask again; the combiner may not have heard."""
        if scene.round.reducer in {"", combiner}:
            self._ask(scene)

    def expire(self, scene: Scene) -> Outcome:  # noqa: ARG002  the same for all steps
        """Fail: nobody merged in time."""
        return Failed("no combiner merged the updates in time")

    def timers(self, scene: Scene) -> Iterable[float]:  # noqa: ARG002  the same for all steps
        """Return nothing: only the deadline counts."""
        return ()

    def _ask(self, scene: Scene, *, rather_not: str = "") -> None:
        """Ask a connected combiner, if any can merge."""
        current = scene.round
        is_shared = all(part.is_shared for part in [*current.parts, *current.mask_parts])
        current.reducer = reducer_among(
            self._reducers(scene), _held(scene), rather_not, is_shared=is_shared
        )
        if current.reducer:
            current.mask_keys = secure.keys_to_add(scene) if current.secure else []
            scene.order(ReduceRound(current.reducer, current))

    def _reducers(self, scene: Scene) -> set[str]:
        functions = scene.session.functions
        is_theirs = functions is not None and functions.aggregates
        return scene.network.allowing if is_theirs else scene.network.combiners


def _held(scene: Scene) -> dict[str, Share]:
    """Return each combiner's weight over all parts of the model."""
    weights: Counter[str] = Counter()
    for part in scene.round.parts:
        for combiner, share in part.shares.items():
            weights[combiner] += share.weight  # type: ignore[assignment]  # a Counter adds floats as well
    return {name: Share([], weight=weight) for name, weight in weights.items()}
