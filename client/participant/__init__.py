"""Participants of Xaynet's PET protocol, in the form of its Python SDK.

A program that was written for Xaynet needs another import line only:

    from fednet.client.participant import ParticipantABC, spawn_participant

The coordinator is fednet's (`fednet up --xaynet-port …`) or Xaynet's own. It needs `pip install
'fednet[client,xaynet]'`. `docs/participant.md` has the details.
"""

from .async_participant import AsyncParticipant
from .exceptions import (
    CryptoInit,
    GlobalModelDataTypeMisMatch,
    GlobalModelUnavailable,
    LocalModelDataTypeMisMatch,
    LocalModelLengthMisMatch,
    ParticipantError,
    ParticipantInit,
    ParticipantRestore,
    UninitializedParticipant,
)
from .internal_participant import InternalParticipant
from .participant_abc import ParticipantABC, TrainingInput, TrainingResult
from .spawning import spawn_async_participant, spawn_participant

__all__ = [
    "AsyncParticipant",
    "CryptoInit",
    "GlobalModelDataTypeMisMatch",
    "GlobalModelUnavailable",
    "InternalParticipant",
    "LocalModelDataTypeMisMatch",
    "LocalModelLengthMisMatch",
    "ParticipantABC",
    "ParticipantError",
    "ParticipantInit",
    "ParticipantRestore",
    "TrainingInput",
    "TrainingResult",
    "UninitializedParticipant",
    "spawn_async_participant",
    "spawn_participant",
]
