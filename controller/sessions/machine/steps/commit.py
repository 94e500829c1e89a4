"""The step that makes the new model the session's: its documents follow from the session's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ..documents import finished_round, model_document
from ..events import Event
from ..orders import Projection
from ..phases import release
from ..scene import Scene
from .step import Done, Outcome


class Commit:
    """The takeover of the model and the memory that came with it; it waits for nothing."""

    name: ClassVar[str] = "commit"
    shown: ClassVar[str] = "reducing"

    def start(self, scene: Scene) -> Outcome:
        """Take over the model."""
        session, current = scene.session, scene.round
        assert current.model, "the model is made before it is committed"
        scene.write(
            model_document(session, current.model, scene.now),
            finished_round(scene, current.model),
            Projection("network", "active", {"model_id": current.model.id}),
        )
        release(scene, *current.phases)
        session.model = current.model
        self._remember(scene)
        if session.privacy and session.options.privacy:
            session.privacy.commit(session.options.privacy, current.share_within_clip)
        return Done()

    def absorb(self, event: Event, scene: Scene) -> Outcome:  # noqa: ARG002  the same for all steps
        """Do nothing: the step is done when it starts."""
        return None

    def resume(self, combiner: str, scene: Scene) -> None:
        """Do nothing: nobody was asked."""

    def expire(self, scene: Scene) -> Outcome:  # noqa: ARG002  the same for all steps
        """Do nothing: the step waits for nothing."""
        return None

    def timers(self, scene: Scene) -> Iterable[float]:  # noqa: ARG002  the same for all steps
        """Return nothing: the step waits for nothing."""
        return ()

    def _remember(self, scene: Scene) -> None:
        """Keep the memory of the aggregator and of server functions; functions that aggregate replace it."""
        session, current = scene.session, scene.round
        functions = session.functions
        if functions and functions.aggregates:
            functions.remember(current.state, current.functions_state)
            return
        session.obsolete_state_id = session.aggregator_state.id if session.aggregator_state else ""
        session.aggregator_state = current.state
        if functions:
            functions.remember(current.functions_state)
