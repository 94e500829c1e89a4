"""The handle of a participant that trains by a user's `ParticipantABC`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from .callbacks import Callbacks
from .log import LOG
from .loop import Loop
from .opening import open_engine
from .participant_abc import ParticipantABC


class InternalParticipant(threading.Thread):
    """The thread of a participant; `spawn_participant` makes and starts it.

    It is a thread as Xaynet's is: `join()` waits until the participant is stopped, or until a callback fails.

    Args:
        coordinator_url: The coordinator's address.
        participant: The class that implements `ParticipantABC`.
        p_args: The arguments of its constructor.
        p_kwargs: The keyword arguments of its constructor.
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
        participant: Callable[..., ParticipantABC[Any, Any]],
        p_args: Sequence[Any],
        p_kwargs: Mapping[str, Any],
        state: Sequence[int] | None,
        scalar: float,
    ) -> None:
        super().__init__(target=self._work, name="participant", daemon=True)
        self._engine = open_engine(coordinator_url, state, scalar, keeps_models=False)
        self._loop = Loop(self._engine)
        self._make = partial(participant, *p_args, **p_kwargs)
        self._made: Future[None] = Future()

    def wait_until_made(self) -> None:
        """Return when the user's object is made.

        Raises:
            Exception: Any exception of its constructor.
        """
        try:
            self._made.result()
        except BaseException:
            self._loop.end()
            raise

    def stop(self) -> list[int]:
        """Stop the participant and return its state, when the callback that runs has returned.

        `on_stop` is called first, in the participant's thread. Afterwards the handle cannot be used any more.

        Returns:
            The state, for `spawn_participant` or `spawn_async_participant`. It contains unencrypted **private keys**:
            keep it safe.

        Raises:
            UninitializedParticipant: The participant was stopped before.
        """
        self._loop.consume()
        self._loop.end()
        if self.is_alive() and threading.current_thread() is not self:
            self.join()
        return self._engine.state().to_list()

    def _work(self) -> None:
        # Made in this thread: some frameworks tie a model to the thread that makes it.
        try:
            participant = self._make()
        except BaseException as error:  # noqa: BLE001  spawn_participant raises it
            self._made.set_exception(error)
            return
        self._made.set_result(None)
        try:
            callbacks = Callbacks(self._engine, participant, self._loop.is_ended)
            self._loop.run(callbacks.serve)
        except Exception:  # noqa: BLE001  users' code raises anything
            LOG.exception("a callback has failed; the participant ends")
        finally:
            _say_goodbye(participant)
            self._engine.close()


def _say_goodbye(participant: ParticipantABC[Any, Any]) -> None:
    try:
        participant.on_stop()
    except Exception:  # noqa: BLE001  likewise
        LOG.exception("on_stop has failed")
