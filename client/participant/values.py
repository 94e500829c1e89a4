"""Values of a participant's machine: its standing in a round, the events that it gets, and its orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from numpy.typing import NDArray

from fednet.xaynet import RoundParameters, SealingKey

LocalModel: TypeAlias = NDArray[Any]


class Phase(Enum):
    """The next step of a participant in a round; the value is its number in saved states."""

    NONE = 0
    """No round has been seen yet."""

    SUM = 1
    """It has the sum task, and has to send its key."""

    SUM2 = 2
    """It has the sum task, and waits for seeds."""

    UPDATE = 3
    """It has the update task, and waits for the keys of sum participants and for a local model."""

    DONE = 4
    """It has nothing more to do in this round."""


@dataclass(frozen=True)
class Standing:
    """The part of a participant that a saved state keeps, besides its identity.

    Attributes:
        phase: The next step.
        parameters: Those of the round; None before the first one.
        key: A sum participant's key of the round.
        model: The local model that waits for its turn, of any dtype; see `weights`.
        message: A sealed message that has not been delivered yet.
    """

    phase: Phase = Phase.NONE
    parameters: RoundParameters | None = None
    key: SealingKey | None = None
    model: LocalModel | None = None
    message: bytes | None = None


# Events


@dataclass(frozen=True)
class RoundSeen:
    """The coordinator has answered with the parameters of the present round."""

    parameters: RoundParameters


@dataclass(frozen=True)
class NothingNew:
    """The coordinator has not yet what was asked for, or does not answer."""


@dataclass(frozen=True)
class KeyMade:
    """A new key for the round of a sum participant."""

    key: SealingKey


@dataclass(frozen=True)
class SumsSeen:
    """The keys of the sum participants are known."""

    sums: Mapping[bytes, bytes]


@dataclass(frozen=True)
class SeedsSeen:
    """The sealed seeds for this sum participant are known."""

    seeds: Mapping[bytes, bytes]


@dataclass(frozen=True)
class ModelGiven:
    """The user has given a local model."""

    model: LocalModel


@dataclass(frozen=True)
class ModelUnfit:
    """A local model is not of the form that the round wants."""

    model: LocalModel


@dataclass(frozen=True)
class Composed:
    """The message of the phase is ready."""

    message: bytes
    model: LocalModel | None = None


@dataclass(frozen=True)
class Delivered:
    """The coordinator has received the message."""


@dataclass(frozen=True)
class GivenUp:
    """The participant takes no further part in the round."""


Event: TypeAlias = (
    RoundSeen
    | NothingNew
    | KeyMade
    | SumsSeen
    | SeedsSeen
    | ModelGiven
    | ModelUnfit
    | Composed
    | Delivered
    | GivenUp
)

# Orders


@dataclass(frozen=True)
class Wait:
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True)
class AskRound:
    """Ask for the parameters of the present round."""


@dataclass(frozen=True)
class AskSums:
    """Ask for the keys of the sum participants."""


@dataclass(frozen=True)
class AskSeeds:
    """Ask for the seeds that are sealed for this sum participant."""


@dataclass(frozen=True)
class MakeKey:
    """Make the key of a sum participant."""


@dataclass(frozen=True)
class ComposeSum:
    """Write the application of a sum participant."""

    key: SealingKey


@dataclass(frozen=True)
class ComposeUpdate:
    """Mask the local model, and seal the mask's seed for each sum participant."""

    model: LocalModel
    sums: Mapping[bytes, bytes]


@dataclass(frozen=True)
class ComposeSum2:
    """Open the seeds, and add up their masks."""

    key: SealingKey
    seeds: Mapping[bytes, bytes]


@dataclass(frozen=True)
class Deliver:
    """Send the message to the coordinator."""

    message: bytes


Compose: TypeAlias = ComposeSum | ComposeUpdate | ComposeSum2
Action: TypeAlias = AskRound | AskSums | AskSeeds | MakeKey | Compose | Deliver
Order: TypeAlias = Action | Wait
