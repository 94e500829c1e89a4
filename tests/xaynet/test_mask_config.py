"""Mask configurations: their orders, and their bytes in messages and documents."""

import itertools

import pytest

from fednet.errors import InvalidInput
from fednet.xaynet import BoundType, DataType, GroupType, MaskConfig, ModelType

# Xaynet's documented orders of the group Prime.
PRIMES = {
    ("F32", "B0", "M3"): 20_000_000_000_021,
    ("F32", "B0", "M6"): 20_000_000_000_000_003,
    ("F32", "B0", "M9"): 20_000_000_000_000_000_011,
    ("F32", "B0", "M12"): 20_000_000_000_000_000_000_003,
    ("I32", "B2", "M3"): 2_000_000_000_000_021,
    ("I64", "B2", "M6"): 2_000_000_000_000_000_057,
    ("F32", "B4", "M3"): 200_000_000_000_000_003,
    ("F32", "B4", "M6"): 200_000_000_000_000_000_089,
    ("F32", "B6", "M12"): 20_000_000_000_000_000_000_000_000_131,
    ("F64", "B0", "M3"): 200_000_000_000_000_000_000_069,
    ("F64", "B2", "M3"): 20_000_000_000_000_000_000_000_009,
    ("F64", "B2", "M12"): 20_000_000_000_000_000_000_000_000_000_000_203,
    ("F32", "Bmax", "M3"): 680_564_700 * 10**78 + 281,
    ("I32", "Bmax", "M3"): 42_949_672_950_000_000_000_029,
    ("I64", "Bmax", "M12"): 184_467_440_737_095_516_150_000_000_000_000_000_000_089,
}


def config(group: str, data: str, bound: str, models: str) -> MaskConfig:
    return MaskConfig(GroupType[group], DataType[data], BoundType[bound], ModelType[models])


ALL = [
    MaskConfig(*members) for members in itertools.product(GroupType, DataType, BoundType, ModelType)
]


@pytest.mark.parametrize("members", PRIMES, ids="-".join)
def test_prime_orders_are_xaynets(members):
    """The distances to the next primes give the numbers that Xaynet's documentation has."""
    assert config("Prime", *members).order == PRIMES[members]


@pytest.mark.parametrize("each", [each for each in ALL if each.group_type is GroupType.Prime])
def test_prime_orders_are_primes(each):
    """No base of Miller and Rabin's test finds a factor."""
    order = each.order
    shift = ((order - 1) & -(order - 1)).bit_length() - 1
    for base in (2, 3, 5, 7, 11, 13):
        power = pow(base, (order - 1) >> shift, order)
        squares = [pow(power, 2**turn, order) for turn in range(shift)]
        assert power == 1 or order - 1 in squares


def test_the_other_orders_follow_from_the_capacity():
    """The group Integer is the smallest that holds all sums, Power2 the next power of two."""
    assert config("Integer", "F32", "B0", "M3").order == 20_000_000_000_001
    assert (
        config("Integer", "I64", "Bmax", "M3").order == 184_467_440_737_095_516_150_000_000_000_001
    )
    assert config("Power2", "F32", "B0", "M3").order == 2**45
    assert config("Power2", "F32", "B0", "M6").order == 2**55


def test_the_wire_width_is_that_of_the_largest_element():
    """An order of 2**88 needs 12 bytes, its elements need 11."""
    power = config("Power2", "F32", "B4", "M12")

    assert (power.order.bit_length(), power.element_bytes) == (89, 11)
    assert config("Prime", "F32", "B0", "M3").element_bytes == 6
    assert config("Prime", "F32", "Bmax", "M3").element_bytes == 37


def test_messages_have_the_values_of_the_members():
    """These bytes stand in Xaynet's own tests."""
    assert config("Prime", "F64", "Bmax", "M9").to_bytes() == bytes.fromhex("0101ff09")
    assert config("Integer", "I32", "B0", "M3").to_bytes() == bytes.fromhex("00020003")


@pytest.mark.parametrize("each", ALL)
def test_every_configuration_is_read_as_it_is_written(each):
    """Messages and documents tell all 240 configurations apart."""
    assert MaskConfig.from_bytes(each.to_bytes()) == each
    assert MaskConfig.from_variants(each.variants()) == each


@pytest.mark.parametrize(
    "data", ["", "000200", "0002000300", "03020003", "00040003", "00020103", "00020004"]
)
def test_other_bytes_are_refused(data):
    """The error names what is unknown."""
    with pytest.raises(InvalidInput, match="Unknown"):
        MaskConfig.from_bytes(bytes.fromhex(data))


def test_other_variants_are_refused():
    """Places beyond the last member do not exist."""
    with pytest.raises(InvalidInput, match="BoundType 5"):
        MaskConfig.from_variants([0, 0, 5, 0])
