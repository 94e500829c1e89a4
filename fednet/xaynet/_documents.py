"""Documents that a coordinator serves: round parameters and the two dictionaries, in bincode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from fednet.xaynet._bincode import FLOAT, LENGTH, VARIANT, Reader, sized
from fednet.xaynet._keys import KEY_BYTES, SEAL_BYTES
from fednet.xaynet._mask_config import MaskConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

SEALED_SEED_BYTES: Final = 32 + SEAL_BYTES
_CONFIG_MEMBERS: Final = 4


@dataclass(frozen=True)
class RoundParameters:
    """The public parameters of a round.

    Attributes:
        public_key: The coordinator's key of this round, 32 bytes.
        sum_probability: The share of participants with the sum task.
        update_probability: The share of the others with the update task.
        seed: The round's seed, 32 bytes; it decides who has which task.
        config: The mask configuration.
        model_length: The number of weights.
    """

    public_key: bytes
    sum_probability: float
    update_probability: float
    seed: bytes
    config: MaskConfig
    model_length: int

    def to_bytes(self) -> bytes:
        """Return the document; the configuration stands there for the vector and for the unit."""
        variants = b"".join(VARIANT.pack(each) for each in self.config.variants())
        return b"".join(
            [
                sized(self.public_key),
                FLOAT.pack(self.sum_probability),
                FLOAT.pack(self.update_probability),
                sized(self.seed),
                variants * 2,
                LENGTH.pack(self.model_length),
            ]
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the document.

        Raises:
            InvalidInput: It is damaged, or the unit has another configuration than the vector.
        """
        reader = Reader(data, "round parameters")
        public_key = reader.sized(KEY_BYTES)
        sum_probability, update_probability = reader.number(), reader.number()
        seed = reader.sized(KEY_BYTES)
        vector, unit = reader.variants(_CONFIG_MEMBERS), reader.variants(_CONFIG_MEMBERS)
        if vector != unit:
            raise reader.error("vector and unit have different mask configurations")
        config, length = MaskConfig.from_variants(vector), reader.integer()
        reader.end()
        return cls(public_key, sum_probability, update_probability, seed, config, length)


def sum_dictionary_to_bytes(keys: Mapping[bytes, bytes]) -> bytes:
    """Return the public keys of sum participants with their keys of the round, each of 32 bytes."""
    return _dictionary_to_bytes(keys)


def sum_dictionary_from_bytes(data: bytes) -> dict[bytes, bytes]:
    """Read the keys of the sum participants.

    Raises:
        InvalidInput: The document is damaged, or a participant stands there twice.
    """
    return _dictionary_from_bytes(data, KEY_BYTES, "sum dictionary")


def seed_dictionary_to_bytes(seeds: Mapping[bytes, bytes]) -> bytes:
    """Return the seeds that are sealed for one sum participant, 80 bytes each, by the public key of their sender."""
    return _dictionary_to_bytes(seeds)


def seed_dictionary_from_bytes(data: bytes) -> dict[bytes, bytes]:
    """Read the sealed seeds for one sum participant.

    Raises:
        InvalidInput: The document is damaged, or a participant stands there twice.
    """
    return _dictionary_from_bytes(data, SEALED_SEED_BYTES, "seed dictionary")


def _dictionary_to_bytes(values: Mapping[bytes, bytes]) -> bytes:
    entries = (sized(key) + sized(value) for key, value in values.items())
    return LENGTH.pack(len(values)) + b"".join(entries)


def _dictionary_from_bytes(data: bytes, value_bytes: int, name: str) -> dict[bytes, bytes]:
    reader = Reader(data, name)
    count = reader.entries(2 * LENGTH.size + KEY_BYTES + value_bytes)
    values = {reader.sized(KEY_BYTES): reader.sized(value_bytes) for _ in range(count)}
    if len(values) != count:
        raise reader.error("a participant stands there twice")
    return values
