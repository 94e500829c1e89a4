"""Local models as users give them, and global models as they get them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednet.xaynet import DTYPES, RoundParameters

from .exceptions import LocalModelDataTypeMisMatch, LocalModelLengthMisMatch
from .values import LocalModel

_NUMBERS = "iuf"  # NumPy's kinds
_INTEGERS = "iu"
_BYTES_MAX = 8  # of an element; longer floats depend on the machine


def copied(values: Any) -> LocalModel:
    """Return a local model as an array of its own.

    Args:
        values: A list or another sequence of numbers, or an array of shape (n,).

    Raises:
        LocalModelDataTypeMisMatch: There is something else than numbers.
    """
    try:
        model = np.array(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalModelDataTypeMisMatch(
            f"The local model is no list of numbers: {error}"
        ) from None
    if model.ndim != 1:
        raise LocalModelDataTypeMisMatch(
            "The local model must be a list of numbers, or an array of one dimension; "
            f"{type(values).__name__} of {model.ndim} dimensions was given."
        )
    if model.size and model.dtype.kind not in _NUMBERS:
        raise LocalModelDataTypeMisMatch(
            f"The elements of the local model must be numbers, not {model.dtype}."
        )
    return model.astype(np.float64) if model.dtype.itemsize > _BYTES_MAX else model


def fitted(model: LocalModel, parameters: RoundParameters) -> NDArray[Any]:
    """Return a local model in the dtype of the round.

    Args:
        model: Numbers of any dtype, of shape (n,).
        parameters: The round's.

    Raises:
        LocalModelLengthMisMatch: The round has another length.
        LocalModelDataTypeMisMatch: The numbers are not finite, or do not fit the dtype.
    """
    if len(model) != parameters.model_length:
        raise LocalModelLengthMisMatch(
            f"The local model has {len(model)} elements; the coordinator wants {parameters.model_length}."
        )
    dtype = DTYPES[parameters.config.data_type]
    return _as_integers(model, dtype) if dtype.kind in _INTEGERS else _as_floats(model, dtype)


def _as_integers(model: LocalModel, dtype: np.dtype[Any]) -> NDArray[Any]:
    if model.dtype.kind not in _INTEGERS:
        raise LocalModelDataTypeMisMatch(
            f"The coordinator wants {dtype} elements, and the local model has {model.dtype}."
        )
    bounds = np.iinfo(dtype)
    if not ((model >= bounds.min) & (model <= bounds.max)).all():
        raise LocalModelDataTypeMisMatch(f"An element of the local model does not fit {dtype}.")
    return model.astype(dtype)


def _as_floats(model: LocalModel, dtype: np.dtype[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = model.astype(dtype)
    if not np.isfinite(narrow).all():
        raise LocalModelDataTypeMisMatch(
            f"All elements of the local model must be finite numbers that fit {dtype}."
        )
    return narrow
