"""Opens a participant: a new one, or one from its saved state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fednet.errors import FednetError, MissingExtra

from .exceptions import CryptoInit, ParticipantInit
from .log import follow_environment

if TYPE_CHECKING:
    from .engine import Engine


def open_engine(
    coordinator_url: str, state: Sequence[int] | None, scalar: float, *, keeps_models: bool
) -> Engine:
    """Return a participant that is ready to begin.

    Args:
        coordinator_url: The coordinator's address.
        state: A saved state; None for a new participant.
        scalar: The weight of a new participant's models; a saved state has its own.
        keeps_models: Keep a local model for later rounds, until it is used.

    Raises:
        CryptoInit: The library for cryptography is missing, or cannot be used.
        ParticipantInit: The address or the scalar is invalid.
        ParticipantRestore: The saved state is invalid.
    """
    try:
        from .engine import Engine
        from .remote import RemoteCoordinator
        from .state import State
    except (MissingExtra, ImportError, RuntimeError) as error:
        raise CryptoInit(
            f"{error} Participants need pip install 'fednet[client,xaynet]'."
        ) from error
    follow_environment()
    try:
        remote = RemoteCoordinator(coordinator_url)
    except FednetError as error:
        raise ParticipantInit(str(error)) from error
    kept = State.new(scalar) if state is None else State.from_list(state)
    return Engine(remote, kept, keeps_models=keeps_models)
