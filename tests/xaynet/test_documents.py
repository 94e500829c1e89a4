"""Documents in bincode: their bytes, and hostile ones."""

import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.errors import InvalidInput
from fednet.xaynet import (
    DTYPES,
    BoundType,
    DataType,
    ExactModel,
    GroupType,
    MaskConfig,
    ModelType,
    RoundParameters,
    model_from_bytes,
    model_to_bytes,
    seed_dictionary_from_bytes,
    seed_dictionary_to_bytes,
    sum_dictionary_from_bytes,
    sum_dictionary_to_bytes,
)
from fednet.xaynet._modular import Modulus

CONFIG = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)
WIDE = MaskConfig(GroupType.Power2, DataType.F64, BoundType.Bmax, ModelType.M12)
INTEGERS = MaskConfig(GroupType.Integer, DataType.I32, BoundType.B6, ModelType.M6)
PARAMETERS = RoundParameters(b"k" * 32, 0.5, 0.9, b"s" * 32, WIDE, 7)
LENGTH = struct.Struct("<Q")


def test_round_parameters_have_xaynets_bytes():
    """136 bytes, in which members of enumerations are counted from 0."""
    data = PARAMETERS.to_bytes()

    variants = struct.pack("<4I", 2, 1, 4, 3)
    assert data == (
        LENGTH.pack(32) + b"k" * 32 + struct.pack("<dd", 0.5, 0.9) + LENGTH.pack(32) + b"s" * 32
        + variants + variants + LENGTH.pack(7)
    )  # fmt: skip
    assert len(data) == 136
    assert RoundParameters.from_bytes(data) == PARAMETERS


@pytest.mark.parametrize(
    ("start", "end", "bytes_"),
    [
        (0, 8, LENGTH.pack(31)),
        (0, 8, LENGTH.pack(2**64 - 1)),
        (96, 100, struct.pack("<I", 3)),
        (112, 116, struct.pack("<I", 0)),
        (135, 136, b""),
        (136, 136, b"x"),
    ],
    ids=["key", "huge-key", "variant", "unit", "short", "long"],
)
def test_damaged_parameters_are_refused(start, end, bytes_):
    """The error says what is damaged."""
    data = PARAMETERS.to_bytes()

    with pytest.raises(InvalidInput):
        RoundParameters.from_bytes(data[:start] + bytes_ + data[end:])


def test_dictionaries_have_xaynets_bytes():
    """Keys and values stand behind their lengths."""
    sums, seeds = {b"p" * 32: b"k" * 32}, {b"p" * 32: b"s" * 80, b"q" * 32: b"t" * 80}
    size = LENGTH.pack(32)

    assert sum_dictionary_to_bytes(sums) == LENGTH.pack(1) + size + b"p" * 32 + size + b"k" * 32
    assert seed_dictionary_to_bytes(seeds).startswith(
        LENGTH.pack(2) + size + b"p" * 32 + LENGTH.pack(80) + b"s" * 80 + size
    )
    assert sum_dictionary_from_bytes(sum_dictionary_to_bytes(sums)) == sums
    assert seed_dictionary_from_bytes(seed_dictionary_to_bytes(seeds)) == seeds
    assert sum_dictionary_from_bytes(sum_dictionary_to_bytes({})) == {}


def test_damaged_dictionaries_are_refused():
    """A count that does not fit is refused before anything is read."""
    entry = sum_dictionary_to_bytes({b"p" * 32: b"k" * 32})[8:]
    odd = LENGTH.pack(31) + entry[8:]

    for data in (
        b"",
        LENGTH.pack(2) + entry,
        LENGTH.pack(2**64 - 1) + entry,
        LENGTH.pack(2) + entry + entry,
        LENGTH.pack(1) + odd,
    ):
        with pytest.raises(InvalidInput, match="sum dictionary"):
            sum_dictionary_from_bytes(data)


def test_a_model_has_xaynets_bytes():
    """A weight is two integers: sign, number of digits, digits of 32 bits."""
    numbers = Modulus(CONFIG.order).of_ints([0, 5, 2**32])
    model = ExactModel(CONFIG, np.array([False, True, False]), numbers, 2**33)

    data = b"".join(model_to_bytes(model))

    denominator = b"\x01" + LENGTH.pack(2) + struct.pack("<2I", 0, 2)
    assert data == (
        LENGTH.pack(3)
        + b"\x00" + LENGTH.pack(0) + denominator
        + b"\xff" + LENGTH.pack(1) + struct.pack("<I", 5) + denominator
        + b"\x01" + LENGTH.pack(2) + struct.pack("<2I", 0, 1) + denominator
    )  # fmt: skip


@given(st.sampled_from([CONFIG, WIDE, INTEGERS]), st.integers(1, 2**40), st.data())
def test_models_are_read_as_they_are_written(config, denominator, data):
    """Numerators of any length, and both signs."""
    largest = min(config.bound, 2**20) * denominator
    numerators = data.draw(st.lists(st.integers(-largest, largest), max_size=20))
    modulus = Modulus(config.order)
    magnitudes = [abs(each) % config.order for each in numerators]
    negative = np.array([each < 0 for each in numerators], bool)
    model = ExactModel(config, negative, modulus.of_ints(magnitudes), denominator)

    weights = model_from_bytes(b"".join(model_to_bytes(model)), config, len(numerators))

    ratios = [
        (-1 if minus else 1) * Fraction(magnitude, denominator)
        for magnitude, minus in zip(magnitudes, negative, strict=True)
    ]
    dtype = DTYPES[config.data_type]
    whole = [int(ratio) if dtype.kind == "i" else float(ratio) for ratio in ratios]
    assert weights.dtype == dtype
    assert np.array_equal(weights, np.array(whole, dtype))
    assert np.allclose(weights, model.weights(), rtol=1e-6)


ZERO = b"\x00" + LENGTH.pack(0)
ONE = b"\x01" + LENGTH.pack(1) + struct.pack("<I", 1)
HUGE = b"\x01" + LENGTH.pack(40) + b"\xff" * 160


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "too early"),
        (LENGTH.pack(2) + ONE + ONE, "1 weights"),
        (LENGTH.pack(1) + ONE, "too early"),
        (LENGTH.pack(1) + ONE + ZERO, "not positive"),
        (LENGTH.pack(1) + ONE + b"\xff" + ONE[1:], "not positive"),
        (LENGTH.pack(1) + b"\x07" + ONE[1:] + ONE, "sign 7"),
        (LENGTH.pack(1) + b"\x01" + LENGTH.pack(2**60) + ONE + ONE, "too early"),
        (LENGTH.pack(1) + ONE + ONE + b"x", "follow its end"),
        (LENGTH.pack(1) + HUGE + ONE, "too large"),
    ],
)
def test_damaged_models_are_refused(data, reason):
    """Lengths are checked before memory is taken."""
    with pytest.raises(InvalidInput, match=reason):
        model_from_bytes(data, CONFIG, 1)
