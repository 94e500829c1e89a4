"""Fixed-point form of scaled weights, exact to the last step as rationals are."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from fednet.errors import InvalidInput
from fednet.xaynet._mask_config import DataType, MaskConfig
from fednet.xaynet._mask_object import MaskObject
from fednet.xaynet._modular import Modulus, Numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

DTYPES: Final[Mapping[DataType, np.dtype[Any]]] = {
    DataType.F32: np.dtype(np.float32),
    DataType.F64: np.dtype(np.float64),
    DataType.I32: np.dtype(np.int32),
    DataType.I64: np.dtype(np.int64),
}
"""The dtype of weights."""

_FLOAT_STEPS_MAX: Final = 2**50  # float64 tells such numbers apart from their halves
_FLOAT_ERROR: Final = 2.0**-50  # relative, of a product of three rounded numbers

Weights = NDArray[Any]


def encode(weights: Weights, scalar: float, config: MaskConfig) -> MaskObject:
    """Return a model without a mask: floor((clamp(scalar * w) + bound) * scale) of each weight, and that of the scalar.

    Args:
        weights: Of shape (n,), of the dtype of the configuration.
        scalar: The weight of the model in the mean; at least 0, and the bound is used instead of a larger one.
        config: The mask configuration.

    Raises:
        InvalidInput: A weight is not finite, the weights have another dtype or shape, or the scalar is invalid.
    """
    _check(weights, config)
    factor = min(_exact_scalar(scalar), Fraction(config.bound))
    unit = math.floor((factor + config.bound) * config.scale)
    return MaskObject(config, _steps(weights, factor, config), unit)


def _check(weights: Weights, config: MaskConfig) -> None:
    dtype = DTYPES[config.data_type]
    if weights.ndim != 1 or weights.dtype != dtype:
        raise InvalidInput(f"A local model is a vector of {dtype}.", field="weights")
    if not np.isfinite(weights).all():
        raise InvalidInput("All weights of a local model must be finite.", field="weights")


def _exact_scalar(scalar: float) -> Fraction:
    if not (math.isfinite(scalar) and scalar >= 0):
        raise InvalidInput(f"Invalid scalar {scalar}: use a number of at least 0.", field="scalar")
    return Fraction(scalar)


def _steps(weights: Weights, factor: Fraction, config: MaskConfig) -> Numbers:
    """Return the steps above the lower bound; in floating point, where that is certain, and as integers elsewhere."""
    modulus, limit = Modulus(config.order), config.bound * config.scale
    if limit > _FLOAT_STEPS_MAX:
        return modulus.of_ints(limit + step for step in _exact_steps(weights, factor, config))
    nearby = weights.astype(np.float64) * float(factor) * float(config.scale)
    errors = np.abs(nearby) * _FLOAT_ERROR
    steps = np.floor(np.clip(nearby - errors, -limit, limit)).astype(np.int64)
    uncertain = np.flatnonzero(steps != np.floor(np.clip(nearby + errors, -limit, limit)))
    steps[uncertain] = _exact_steps(weights[uncertain], factor, config)
    return modulus.of_uint64((steps + limit).view(np.uint64))


def _exact_steps(weights: Weights, factor: Fraction, config: MaskConfig) -> list[int]:
    """Return floor(clamp(factor * w) * scale) of each weight."""
    limit = config.bound * config.scale
    numerator, denominator = factor.numerator * config.scale, factor.denominator
    ratios = (weight.as_integer_ratio() for weight in weights.tolist())
    steps = ((numerator * top) // (denominator * bottom) for top, bottom in ratios)
    return [max(-limit, min(limit, step)) for step in steps]
