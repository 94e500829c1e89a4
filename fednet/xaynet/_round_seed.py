"""The seed of a round, which follows from the one before and from the round's key."""

from __future__ import annotations

import struct
from typing import Final

from fednet.digests import sha256_of
from fednet.xaynet._keys import SealingKey, SignatureKey

FIRST_SEED: Final = bytes(32)
_PROBABILITIES: Final = struct.Struct("<dd")


def next_round_seed(
    key: SealingKey, seed: bytes, sum_probability: float, update_probability: float
) -> bytes:
    """Return the seed of the round of a new key.

    Args:
        key: The coordinator's key of the new round; its secret is the seed of the key that signs.
        seed: The seed of the last round, or `FIRST_SEED`.
        sum_probability: That of the sum task.
        update_probability: That of the update task.
    """
    signed = seed + _PROBABILITIES.pack(sum_probability, update_probability)
    return bytes.fromhex(sha256_of(SignatureKey(key.secret).sign(signed)))
