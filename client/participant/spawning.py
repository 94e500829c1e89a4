"""The two functions that start participants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .async_participant import AsyncParticipant
from .internal_participant import InternalParticipant
from .participant_abc import ParticipantABC


def spawn_participant(
    coordinator_url: str,
    participant: Callable[..., ParticipantABC[Any, Any]],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] = {},
    state: Sequence[int] | None = None,
    scalar: float = 1.0,
) -> InternalParticipant:
    """Start a participant in a thread of its own, new or from a saved state, and return its handle.

    The user's object is made in that thread, and this function waits for it.

    Args:
        coordinator_url: The coordinator's address, fednet's or Xaynet's.
        participant: The class that implements `ParticipantABC`.
        args: The arguments of its constructor.
        kwargs: The keyword arguments of its constructor.
        state: The result of `stop` of an earlier participant; None for a new one.
        scalar: The weight of the participant's models in the mean, from 0 to the bound of the mask configuration, such
            as its number of samples divided by the largest number of any participant. A saved state has its own.

    Raises:
        CryptoInit: The library for cryptography is missing, or cannot be used.
        ParticipantInit: The address or the scalar is invalid.
        ParticipantRestore: The saved state is invalid.
        Exception: Any exception of the constructor of `participant`.
    """
    handle = InternalParticipant(coordinator_url, participant, args, kwargs, state, scalar)
    handle.start()
    handle.wait_until_made()
    return handle


def spawn_async_participant(
    coordinator_url: str, state: Sequence[int] | None = None, scalar: float = 1.0
) -> tuple[AsyncParticipant, threading.Event]:
    """Start a participant in a thread of its own, new or from a saved state, for local models that come at any time.

    Args:
        coordinator_url: The coordinator's address, fednet's or Xaynet's.
        state: The result of `stop` of an earlier participant; None for a new one.
        scalar: The weight of the participant's models in the mean, as in `spawn_participant`.

    Returns:
        The handle, and an event that is set once a new global model is available, also in the first round, where it is
        None. `get_global_model` resets the event.

    Raises:
        CryptoInit: The library for cryptography is missing, or cannot be used.
        ParticipantInit: The address or the scalar is invalid.
        ParticipantRestore: The saved state is invalid.
    """
    notifier = threading.Event()
    handle = AsyncParticipant(coordinator_url, notifier, state, scalar)
    handle.start()
    return handle, notifier
