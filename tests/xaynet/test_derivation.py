"""Masks from seeds, against the numbers of Xaynet's own tests and of its real participant."""

import numpy as np
import pytest

from fednet.errors import InvalidInput
from fednet.xaynet import BoundType, DataType, GroupType, MaskConfig, ModelType, derive_mask
from fednet.xaynet._derivation import Draws
from fednet.xaynet._modular import Modulus

DEFAULT = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)

# rust/xaynet-core/src/crypto/prng.rs
WIDE_ORDER = (2**128 - 1) ** 2
WIDE = [
    90034050956742099321159087842304570510687605373623064829879336909608119744630,
    60790020689334235010238064028215988394112077193561636249125918224917556969946,
    107415344426328791036720294006773438815099086866510488084511304829720271980447,
    50343610553303623842889112417183549658912134525854625844144939347139411162921,
    42382469383990928111449714288937630103705168010724718767641573929365517895981,
]

# Confirmed by the masks of the real participant.
KNOWN = {
    bytes(32): (
        11343681809713,
        [5166163054878, 19802247713817, 13039488148403, 12150543332323, 1814065813462],
    ),
    bytes(range(32)): (
        15823269298589,
        [15205425403799, 843949233946, 11878722846601, 8829018423623, 14415084343661],
    ),
}


def drawn_one_by_one(seed: bytes, config: MaskConfig, count: int) -> list[int]:
    """The rule, number by number: whole words are taken, the bytes of the order are kept."""
    order = config.order
    width = (order.bit_length() + 7) // 8
    cell = -(-width // 4) * 4
    keystream, numbers = Draws(seed, order)._keystream, []
    while len(numbers) < count:
        number = int.from_bytes(keystream.update(bytes(cell))[:width], "little")
        if number < order:
            numbers.append(number)
    return numbers


def test_wide_numbers_are_xaynets():
    """Orders of 256 bits: the first number one by one, the others in blocks."""
    draws, modulus = Draws(bytes(32), WIDE_ORDER), Modulus(WIDE_ORDER)

    numbers = modulus.to_ints(draws.first()) + modulus.to_ints(draws.all_others(4))

    assert numbers == WIDE


@pytest.mark.parametrize("seed", KNOWN, ids=["zeros", "counting"])
def test_masks_of_the_default_configuration_are_xaynets(seed):
    """The unit comes first in the stream."""
    mask = derive_mask(seed, DEFAULT, 5)

    assert (mask.unit, Modulus(DEFAULT.order).to_ints(mask.vector)) == KNOWN[seed]


@pytest.mark.parametrize("group", GroupType)
@pytest.mark.parametrize("data", DataType)
@pytest.mark.parametrize("bound", BoundType)
def test_blocks_give_the_numbers_of_single_draws(group, data, bound):
    """The fast way agrees with the rule for orders of one digit and of many."""
    for models in ModelType:
        config = MaskConfig(group, data, bound, models)
        mask = derive_mask(bytes(range(32)), config, 3)

        numbers = [mask.unit, *Modulus(config.order).to_ints(mask.vector)]

        assert numbers == drawn_one_by_one(bytes(range(32)), config, 4)


def test_a_long_mask_begins_like_a_short_one():
    """Blocks meet without a gap."""
    short, long = (derive_mask(b"x" * 32, DEFAULT, length) for length in (2_000, 50_000))

    assert np.array_equal(long.vector[:, :2_000], short.vector)
    assert long.vector.shape == (1, 50_000)


def test_a_seed_has_32_bytes():
    """The error says how many it has."""
    with pytest.raises(InvalidInput, match="has 31"):
        derive_mask(bytes(31), DEFAULT, 1)
