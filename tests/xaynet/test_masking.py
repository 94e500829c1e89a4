"""Encoding, masking, aggregation and unmasking, against exact rational numbers."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fednet.errors import InvalidInput
from fednet.xaynet import (
    DTYPES,
    BoundType,
    DataType,
    GroupType,
    MaskConfig,
    MaskObject,
    ModelType,
    derive_mask,
    encode,
    mask,
    unmask,
)
from fednet.xaynet._modular import Modulus

DEFAULT = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)
SCALARS = st.floats(0, 2, allow_subnormal=False) | st.sampled_from([0.0, 0.1, 1 / 3, 0.5, 1.0])


def config_of(data: DataType, bound: BoundType, models: ModelType = ModelType.M3) -> MaskConfig:
    return MaskConfig(GroupType.Prime, data, bound, models)


CONFIGS = [config_of(data, bound) for data, bound in itertools.product(DataType, BoundType)]


@st.composite
def weights_of_a_config(draw):
    """A configuration and weights of its dtype: any, near the bounds, and exact decimals."""
    config = draw(st.sampled_from(CONFIGS))
    dtype = DTYPES[config.data_type]
    length = draw(st.integers(1, 8))
    if dtype.kind == "i":
        elements = arrays.from_dtype(dtype)
    else:
        width = 8 * dtype.itemsize
        small = st.floats(-2, 2, width=width, allow_subnormal=False)
        finite = st.floats(width=width, allow_nan=False, allow_infinity=False)
        elements = small | finite | st.sampled_from([0.0, 0.5, -1.0, 1.0, 2.0**-10])
    return config, draw(arrays.arrays(dtype, length, elements=elements))


def exact(weight: float, scalar: float, config: MaskConfig) -> int:
    """The rule with rational numbers."""
    factor = min(Fraction(scalar), Fraction(config.bound))
    scaled = max(min(factor * Fraction(weight), config.bound), -config.bound)
    return math.floor((scaled + config.bound) * config.scale)


@given(weights_of_a_config(), SCALARS)
def test_encoding_is_exact(case, scalar):
    """Whatever is computed in floating point is the number that rationals give."""
    config, weights = case

    encoded = encode(weights, scalar, config)

    steps = Modulus(config.order).to_ints(encoded.vector)
    assert steps == [exact(weight, scalar, config) for weight in weights.tolist()]
    assert encoded.unit == exact(1, scalar, config)


@settings(max_examples=30)
@given(st.data(), st.sampled_from(CONFIGS), st.integers(1, 5))
def test_the_unmasked_sum_is_the_weighted_mean(data, config, count):
    """Masks leave nothing behind: sums of encoded weights, divided by the sum of encoded scalars."""
    dtype, steps = DTYPES[config.data_type], []
    total, masks = MaskObject.zero(config, 3), MaskObject.zero(config, 3)
    for number in range(count):
        weights = data.draw(arrays.arrays(dtype, 3, elements=st.integers(-1, 1)))
        scalar, seed = data.draw(st.floats(0.0625, 1)), bytes([number]) * 32
        total.add(mask(weights, scalar, seed, config))
        masks.add(derive_mask(seed, config, 3))
        steps.append([exact(each, scalar, config) for each in (1, *weights.tolist())])

    model = unmask(total, masks, count)

    shift = config.bound * config.scale * count
    unit, *sums = (sum(column) - shift for column in zip(*steps, strict=True))
    magnitudes = Modulus(config.order).to_ints(model.magnitudes)
    signed = [-m if n else m for m, n in zip(magnitudes, model.negative, strict=True)]
    assert (signed, model.denominator) == (sums, unit)
    means = [Fraction(value, unit) for value in sums]
    expected = [math.trunc(mean) if dtype.kind == "i" else float(mean) for mean in means]
    assert model.weights().dtype == dtype
    assert np.allclose(model.weights(), np.array(expected, dtype), rtol=1e-7, atol=0)


def test_real_models_come_back_within_a_step_for_each_model():
    """Sum of scalar * weight, divided by the sum of the scalars, for the default configuration."""
    random = np.random.default_rng(1)
    models = [random.uniform(-1, 1, 1000).astype(np.float32) for _ in range(10)]
    scalars = [*random.uniform(0.1, 1, 10)]
    total, masks = MaskObject.zero(DEFAULT, 1000), MaskObject.zero(DEFAULT, 1000)
    for number, (weights, scalar) in enumerate(zip(models, scalars, strict=True)):
        total.add(mask(weights, scalar, bytes([number]) * 32, DEFAULT))
        masks.add(derive_mask(bytes([number]) * 32, DEFAULT, 1000))

    weights = unmask(total, masks, 10).weights()

    mean = np.average(np.stack(models).astype(np.float64), axis=0, weights=scalars)
    assert np.abs(weights - mean).max() <= 1e-7


def test_a_scalar_above_the_bound_counts_as_the_bound():
    """So B0 takes no scalar above 1."""
    weights = np.array([0.5], np.float32)

    assert encode(weights, 7.0, DEFAULT).unit == encode(weights, 1.0, DEFAULT).unit


@pytest.mark.parametrize("scalar", [-0.5, float("nan"), float("inf")])
def test_an_invalid_scalar_is_refused(scalar):
    """The error shows it."""
    with pytest.raises(InvalidInput, match=str(scalar)):
        encode(np.zeros(1, np.float32), scalar, DEFAULT)


@pytest.mark.parametrize(
    "weights",
    [
        np.zeros(2),
        np.zeros((1, 2), np.float32),
        np.array([np.nan], np.float32),
        np.array([np.inf], np.float32),
    ],
    ids=["dtype", "shape", "nan", "infinite"],
)
def test_invalid_weights_are_refused(weights):
    """A model is a vector of finite numbers of the configured type."""
    with pytest.raises(InvalidInput, match="local model"):
        encode(weights, 1.0, DEFAULT)


def test_objects_that_do_not_fit_are_not_added():
    """Neither another length nor another configuration."""
    total = MaskObject.zero(DEFAULT, 3)

    for other in (
        MaskObject.zero(DEFAULT, 4),
        MaskObject.zero(config_of(DataType.I32, BoundType.B0), 3),
    ):
        with pytest.raises(InvalidInput):
            total.add(other)


def test_scalars_that_add_up_to_nothing_give_no_model():
    """Nothing is divided by zero."""
    masked = mask(np.ones(2, np.float32), 0.0, bytes(32), DEFAULT)

    with pytest.raises(InvalidInput, match="add up to nothing"):
        unmask(masked, derive_mask(bytes(32), DEFAULT, 2), 1)


@pytest.mark.parametrize("count", [0, 1001])
def test_the_number_of_models_is_bounded(count):
    """M3 holds a thousand."""
    with pytest.raises(InvalidInput, match="1000"):
        unmask(MaskObject.zero(DEFAULT, 1), MaskObject.zero(DEFAULT, 1), count)


def test_a_weight_beyond_its_type_is_refused():
    """A wrong mask shows as a number that no float32 holds."""
    config = config_of(DataType.F32, BoundType.Bmax)
    masked = encode(np.ones(1, np.float32), 1.0, config)
    masked.unit = config.bound * config.scale + 1
    model = unmask(masked, MaskObject.zero(config, 1), 1)

    with pytest.raises(InvalidInput, match="too large for float32"):
        model.weights()
