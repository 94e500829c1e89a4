"""Calls the methods of a user's `ParticipantABC` when their time has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .exceptions import (
    GlobalModelDataTypeMisMatch,
    GlobalModelUnavailable,
    LocalModelDataTypeMisMatch,
    LocalModelLengthMisMatch,
)
from .log import LOG
from .participant_abc import ParticipantABC

if TYPE_CHECKING:
    from .engine import Engine


class Callbacks:
    """The user's methods, and the global model that they get.

    Args:
        engine: The participant.
        participant: The user's object.
        is_ended: Returns True once the participant was stopped, maybe by one of the methods.
    """

    def __init__(
        self, engine: Engine, participant: ParticipantABC[Any, Any], is_ended: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._participant = participant
        self._is_ended = is_ended
        self._global_model: Any = None
        self._is_fetched = False
        self._is_announced = True

    def serve(self) -> None:
        """Call what is due: for a new global model, and for the update task."""
        if self._engine.take_new_round():
            self._is_fetched = self._is_announced = False
        if not self._is_announced and self._has_fetched():
            self._is_announced = True
            self._participant.on_new_global_model(self._global_model)
        if not self._is_ended() and self._is_asked_to_train():
            self._train()

    def _is_asked_to_train(self) -> bool:
        return (
            self._engine.wants_model
            and self._has_fetched()
            and self._participant.participate_in_update_task()
        )

    def _has_fetched(self) -> bool:
        """Fetch the global model unless it is there; return False if the coordinator does not answer."""
        if self._is_fetched:
            return True
        try:
            model = self._engine.global_model()
        except (GlobalModelUnavailable, GlobalModelDataTypeMisMatch) as error:
            LOG.warning("failed to get the global model: %s: %s", type(error).__name__, error)
            return False
        self._global_model = (
            None if model is None else self._participant.deserialize_training_input(model)
        )
        self._is_fetched = True
        return True

    def _train(self) -> None:
        LOG.debug("train a model")
        result = self._participant.train_round(self._global_model)
        try:
            self._engine.set_model(self._participant.serialize_training_result(result))
        except (LocalModelLengthMisMatch, LocalModelDataTypeMisMatch) as error:
            LOG.error(
                "this participant takes no further part in the round: %s: %s",
                *(type(error).__name__, error),
            )
            self._engine.give_up_round()
