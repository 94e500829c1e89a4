"""The part of the coordinator's state that participants see, as one value for each phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fednet.xaynet import RoundParameters, SealingKey, sum_dictionary_to_bytes

from .config import CoordinatorConfig
from .intake import OpenRound
from .machine.machine import RoundMachine
from .machine.values import PetPhase, RoundPlace
from .parts import Parts


@dataclass(frozen=True)
class PublicState:
    """The documents of the present phase, and what is needed to open its messages.

    Attributes:
        round: The round for which messages are opened.
        sums: The sum dictionary; None if it is not complete or not used any more.
        seeds: The sealed seeds by sum participant; None likewise.
        model_round: The round of the newest model; 0 if there is none.
        parts: The chunks of messages in parts.
    """

    round: OpenRound
    sums: bytes | None
    seeds: Mapping[bytes, Mapping[bytes, bytes]] | None
    model_round: int
    parts: Parts


def public_state_of(machine: RoundMachine, config: CoordinatorConfig, parts: Parts) -> PublicState:
    """Return what participants see of a machine in a round."""
    place, gathered = machine.place, machine.gathered
    key = SealingKey(place.secret)
    parameters = _parameters_of(place, key, config)
    has_sums = place.phase in {PetPhase.UPDATE, PetPhase.SUM2}
    return PublicState(
        OpenRound(place.round_number, place.phase, key, parameters),
        sum_dictionary_to_bytes(gathered.sums) if has_sums else None,
        gathered.seeds if place.phase is PetPhase.SUM2 else None,
        place.model_round,
        parts,
    )


def _parameters_of(
    place: RoundPlace, key: SealingKey, config: CoordinatorConfig
) -> RoundParameters:
    return RoundParameters(
        key.public,
        config.pet.sum.prob,
        config.pet.update.prob,
        place.seed,
        config.mask.config(),
        config.model.length,
    )
