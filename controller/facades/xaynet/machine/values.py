"""The values of the coordinator's machine: phases, accepted messages, events and consequences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class PetPhase(StrEnum):
    """The part of a round under way."""

    IDLE = "idle"
    SUM = "sum"
    UPDATE = "update"
    SUM2 = "sum2"
    UNMASK = "unmask"
    FAILURE = "failure"


@dataclass(frozen=True)
class SumEntry:
    """An accepted sum participant.

    Attributes:
        participant: Its public key, 32 bytes.
        sealing_key: Its public key for seeds, 32 bytes.
    """

    participant: bytes
    sealing_key: bytes


@dataclass(frozen=True)
class UpdateEntry:
    """An accepted update; its masked model is in the sum.

    Attributes:
        participant: Its sender's public key, 32 bytes.
        seeds: Its sealed seed, 80 bytes, by the public key of each sum participant.
    """

    participant: bytes
    seeds: Mapping[bytes, bytes]


@dataclass(frozen=True)
class MaskEntry:
    """An accepted sum of masks.

    Attributes:
        participant: Its sender's public key, 32 bytes.
        mask: The digest of the sum of masks.
    """

    participant: bytes
    mask: str


Entry = SumEntry | UpdateEntry | MaskEntry


@dataclass(frozen=True)
class RoundPlace:
    """The place in the rounds.

    Attributes:
        phase: The phase under way.
        round_number: The number of rounds that have begun.
        seed: The seed of this round, 32 bytes.
        secret: The coordinator's secret key of this round, 32 bytes; empty before the first round and after one that
            was given up.
        model_round: The round of the newest model; 0 if there is none.
        reason: The reason of a failure.
    """

    phase: PetPhase
    round_number: int
    seed: bytes
    secret: bytes
    model_round: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Received:
    """A message that is valid by itself.

    Attributes:
        round_number: The round for which it was checked.
        entry: Its content.
    """

    round_number: int
    entry: Entry


@dataclass(frozen=True)
class TimeCheck:
    """Nothing but the passing of time."""


@dataclass(frozen=True)
class KeyMade:
    """A new key for the next round.

    Attributes:
        secret: 32 bytes.
    """

    secret: bytes


@dataclass(frozen=True)
class ModelMade:
    """The model of this round is stored."""


@dataclass(frozen=True)
class UnmaskingFailed:
    """The sums give no model.

    Attributes:
        reason: The reason, for people.
    """

    reason: str


Event = Received | TimeCheck | KeyMade | ModelMade | UnmaskingFailed


class Verdict(StrEnum):
    """The answer to a message."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # by a rule of the protocol
    DISCARDED = "discarded"  # too many, or at the wrong time


@dataclass(frozen=True)
class Consequences:
    """The consequences of an event.

    Attributes:
        verdict: The answer to a message; None for other events.
        reason: The reason if a message is not accepted.
        entry: The accepted message.
        place: The new place in the rounds; None if it stays.
    """

    verdict: Verdict | None = None
    reason: str = ""
    entry: Entry | None = None
    place: RoundPlace | None = None


@dataclass(frozen=True)
class MakeKey:
    """An order to make the key of the next round."""


@dataclass(frozen=True)
class Unmask:
    """An order to make the model of this round.

    Attributes:
        mask: The digest of the sum of masks that has most votes.
        models: The number of models in the sum.
    """

    mask: str
    models: int


Order = MakeKey | Unmask
