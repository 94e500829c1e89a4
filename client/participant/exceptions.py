"""The exceptions of participants, with Xaynet's names.

    ParticipantError
    ├── CryptoInit                    the library for cryptography cannot be used
    ├── ParticipantInit               an argument is invalid
    ├── ParticipantRestore            a saved state is damaged, or is none
    ├── UninitializedParticipant      the participant was stopped
    ├── LocalModelLengthMisMatch      a local model has another length than the coordinator wants
    ├── LocalModelDataTypeMisMatch    … another data type
    ├── GlobalModelUnavailable        the coordinator cannot be reached
    └── GlobalModelDataTypeMisMatch   the global model has another form than the coordinator says

They never travel between processes, so they have no code and no status, as those of `fednet.errors` do.
"""

from __future__ import annotations


class ParticipantError(Exception):
    """The base class of all exceptions of participants."""


class CryptoInit(ParticipantError):
    """The library for cryptography is missing, or cannot be used."""


class ParticipantInit(ParticipantError):
    """A participant cannot be made, because an argument is invalid."""


class ParticipantRestore(ParticipantError):
    """A participant cannot be restored, because its saved state is damaged, or is none."""


class UninitializedParticipant(ParticipantError):
    """The participant was stopped; its handle cannot be used any more."""


class LocalModelLengthMisMatch(ParticipantError):
    """The local model has another length than the coordinator's configuration."""


class LocalModelDataTypeMisMatch(ParticipantError):
    """An element of the local model is not of the data type of the coordinator's configuration."""


class GlobalModelUnavailable(ParticipantError):
    """The global model cannot be fetched, because the coordinator does not answer."""


class GlobalModelDataTypeMisMatch(ParticipantError):
    """The global model does not have the data type, or the length, of the coordinator's configuration."""
