"""The handle of a participant whose user trains elsewhere, and gives local models at any time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from .log import LOG
from .loop import Loop
from .opening import open_engine


class AsyncParticipant(threading.Thread):
    """The thread of a participant; `spawn_async_participant` makes and starts it.

    Args:
        coordinator_url: The coordinator's address.
        notifier: Is set when a new global model is available.
        state: A saved state; None for a new participant.
        scalar: The weight of a new participant's models in the mean.

    Raises:
        CryptoInit: The library for cryptography is missing, or cannot be used.
        ParticipantInit: The address or the scalar is invalid.
        ParticipantRestore: The saved state is invalid.
    """

    def __init__(
        self,
        coordinator_url: str,
        notifier: threading.Event,
        state: Sequence[int] | None,
        scalar: float,
    ) -> None:
        super().__init__(target=self._work, name="participant", daemon=True)
        self._engine = open_engine(coordinator_url, state, scalar, keeps_models=True)
        self._loop = Loop(self._engine)
        self._notifier = notifier

    def get_global_model(self) -> list[Any] | None:
        """Fetch the global model, at any time, and reset the notifier.

        Returns:
            The elements: Python's floats or ints, by the coordinator's configuration. None if there is no global model
            yet, usually in the first round.

        Raises:
            GlobalModelUnavailable: The coordinator does not answer.
            GlobalModelDataTypeMisMatch: The model has another data type or length than the coordinator says.
            UninitializedParticipant: The participant was stopped.
        """
        self._loop.check()
        self._notifier.clear()
        return self._engine.global_model()

    def set_local_model(self, local_model: Any) -> None:
        """Set the local model, at any time; it replaces one that was not used yet.

        The participant uses it once: as soon as it has the update task. Until then it stays, also over rounds. With the
        update task and without a local model the participant waits for one, or for the next round.

        If the coordinator has not answered yet, the model is checked when it does; the log tells if it was dropped.

        Args:
            local_model: A list of numbers or a NumPy array of shape (n,), of the data type of the coordinator's
                configuration.

        Raises:
            LocalModelLengthMisMatch: The length is not that of the coordinator's configuration.
            LocalModelDataTypeMisMatch: An element is not of its data type.
            UninitializedParticipant: The participant was stopped.
        """
        self._loop.check()
        self._engine.set_model(local_model)
        self._loop.wake()

    def stop(self) -> list[int]:
        """Stop the participant and return its state. Afterwards the handle cannot be used any more.

        Returns:
            The state, for `spawn_async_participant` or `spawn_participant`. It contains unencrypted **private keys**:
            keep it safe.

        Raises:
            UninitializedParticipant: The participant was stopped before.
        """
        self._loop.consume()
        self._loop.end()
        if self.is_alive():
            self.join()
        self._notifier.clear()
        return self._engine.state().to_list()

    def _work(self) -> None:
        try:
            self._loop.run(self._notify)
        finally:
            self._engine.close()

    def _notify(self) -> None:
        if self._engine.take_new_round():
            LOG.debug("a new global model is available")
            self._notifier.set()
