"""The check that all parameters are finite, in one pass over blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.errors import InvalidModel
from fednet.parameters._blocks import BLOCK_ITEMS, blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fednet.parameters._structure import Structure


def check_finite(
    arrays: Sequence[np.ndarray[Any, Any]], structure: Structure | None = None
) -> None:
    """Check that no parameter is NaN or infinite.

    Args:
        arrays: The arrays of a model, of any shapes and of the dtypes that a model may have.
        structure: Has the names of the arrays, for messages; by default their positions are the names.

    Raises:
        InvalidModel: A parameter is; the message names its array.
    """
    verdicts = np.empty(BLOCK_ITEMS, np.bool_)
    for place, array in enumerate(arrays):
        if array.dtype.kind == "f" and not _is_finite(array, verdicts):
            name = structure.arrays[place].name if structure else str(place)
            raise InvalidModel(
                f"Array {name!r} holds NaN or infinite numbers. Check the training data and lower "
                "the learning rate."
            )


def _is_finite(array: np.ndarray[Any, Any], verdicts: np.ndarray[Any, Any]) -> bool:
    return all(
        np.isfinite(block, out=verdicts[: block.size].reshape(block.shape)).all()
        for (block,) in blocks(array)
    )
