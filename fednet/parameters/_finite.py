"""The check that all parameters are finite numbers of a possible size, over blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.errors import InvalidModel
from fednet.parameters._blocks import BLOCK_ITEMS, blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fednet.parameters._structure import Structure


def check_finite(
    arrays: Sequence[np.ndarray[Any, Any]],
    structure: Structure | None = None,
    digits_max: int | None = None,
) -> None:
    """Check that no parameter is NaN or infinite, or too large.

    Args:
        arrays: The arrays of a model, of any shapes and of the dtypes that a model may have.
        structure: Has the names of the arrays, for messages; by default their positions are the names.
        digits_max: The largest number of digits of a parameter before its decimal point; by default its dtype decides.

    Raises:
        InvalidModel: A parameter is; the message names its array.
    """
    bound = math.inf if digits_max is None else 10.0**digits_max
    verdicts = np.empty(BLOCK_ITEMS, np.bool_)
    for place, array in enumerate(arrays):
        if array.dtype.kind != "f":
            continue
        name = structure.arrays[place].name if structure else str(place)
        if not _is_finite(array, verdicts):
            raise InvalidModel(
                f"Array {name!r} holds NaN or infinite numbers. Check the training data and lower "
                "the learning rate."
            )
        if float(np.finfo(array.dtype).max) > bound and not _is_within(array, bound):
            raise InvalidModel(
                f"Array {name!r} holds numbers beyond {bound:g}. Check the training data and lower the learning rate."
            )


def _is_within(array: np.ndarray[Any, Any], bound: float) -> bool:
    return all(-bound <= block.min() and block.max() <= bound for (block,) in blocks(array))


def _is_finite(array: np.ndarray[Any, Any], verdicts: np.ndarray[Any, Any]) -> bool:
    return all(
        np.isfinite(block, out=verdicts[: block.size].reshape(block.shape)).all()
        for (block,) in blocks(array)
    )
