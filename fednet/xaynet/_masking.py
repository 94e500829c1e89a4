"""Masking of local models, and unmasking of their sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fednet.errors import InvalidInput
from fednet.xaynet._derivation import derive_mask
from fednet.xaynet._encoding import DTYPES, Weights, encode
from fednet.xaynet._mask_config import MaskConfig
from fednet.xaynet._mask_object import MaskObject
from fednet.xaynet._modular import Flags, Modulus, Numbers

_INTEGERS: Final = "i"  # numpy's kind


def mask(weights: Weights, scalar: float, seed: bytes, config: MaskConfig) -> MaskObject:
    """Return a local model under the mask of a seed of 32 bytes; see `encode`.

    Raises:
        InvalidInput: The weights, the scalar or the seed are invalid.
    """
    masked = encode(weights, scalar, config)
    masked.add(derive_mask(seed, config, masked.length))
    return masked


@dataclass(frozen=True)
class ExactModel:
    """The mean of local models as exact ratios, of which all have one denominator.

    Attributes:
        config: The mask configuration.
        negative: bool of shape (n,): the signs of the numerators.
        magnitudes: The absolute values of the numerators, see `Modulus`.
        denominator: At least 1.
    """

    config: MaskConfig
    negative: Flags
    magnitudes: Numbers
    denominator: int

    def weights(self) -> Weights:
        """Return the ratios in the dtype of the configuration; integers are cut off towards zero.

        Raises:
            InvalidInput: A ratio is too large for the dtype: masks of other models were used.
        """
        dtype = DTYPES[self.config.data_type]
        values = Modulus(self.config.order).to_array(self.magnitudes)
        try:
            ratios = _divided(values, self.denominator, dtype)
        except OverflowError:
            raise _too_large(dtype) from None
        if not np.isfinite(ratios).all():
            raise _too_large(dtype)
        return np.where(self.negative, -ratios, ratios)


def _divided(values: NDArray[Any], denominator: int, dtype: np.dtype[Any]) -> Weights:
    if dtype.kind != _INTEGERS:
        with np.errstate(over="ignore"):
            return (values / denominator).astype(dtype)
    ratios = values // denominator
    if (ratios > np.iinfo(dtype).max).any():
        raise OverflowError
    return ratios.astype(dtype)


def _too_large(dtype: np.dtype[Any]) -> InvalidInput:
    return InvalidInput(
        f"A weight is too large for {dtype}: the masks are not those of the models."
    )


def unmask(masked: MaskObject, total_mask: MaskObject, models: int) -> ExactModel:
    """Return the mean of masked models: the sum of scalar * weight divided by the sum of the scalars.

    Args:
        masked: The sum of the masked models; it is changed into the sum without masks.
        total_mask: The sum of their masks.
        models: Their number.

    Raises:
        InvalidInput: The objects do not fit one another, there are too many models, or the scalars add up to nothing.
    """
    config = masked.config
    if not 1 <= models <= config.models_max:
        raise InvalidInput(f"{models} models: at least 1 and at most {config.models_max} fit.")
    masked.subtract(total_mask)
    shift = config.bound * config.scale * models
    denominator = masked.unit - shift
    if denominator <= 0:
        raise InvalidInput("The scalars of the models add up to nothing, or the masks do not fit.")
    negative = _make_signed(masked.vector, shift, config)
    return ExactModel(config, negative, masked.vector, denominator)


def _make_signed(numbers: Numbers, shift: int, config: MaskConfig) -> Flags:
    """Turn each number into the absolute value of number - shift, in place, and return the signs."""
    modulus = Modulus(config.order)
    negative = modulus.are_below(numbers, shift)
    modulus.subtract(numbers, modulus.column(shift))
    opposite = modulus.zeros(int(negative.sum()))
    modulus.subtract(opposite, numbers[:, negative])
    numbers[:, negative] = opposite
    return negative
