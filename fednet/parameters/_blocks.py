"""Iteration over large arrays in blocks, so that intermediate results stay in the processor's cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from fednet import limits

BLOCK_ITEMS: Final = limits.fold_block_bytes // np.dtype(np.float64).itemsize
"""The largest number of items of a block: a float64 scratch array of this length serves every block."""

_Arrays = Sequence[np.ndarray[Any, Any]]


def blocks(*arrays: np.ndarray[Any, Any]) -> Iterator[tuple[np.ndarray[Any, Any], ...]]:
    """Iterate over arrays of one shape together, in views of at most BLOCK_ITEMS items.

    Args:
        arrays: One or more arrays of the same shape, in any memory order.

    Yields:
        The views of a block, one into each array, all of one shape.
    """
    if all(array.flags.c_contiguous for array in arrays):
        return _flat_blocks(arrays)
    return _slabs(arrays)


def _flat_blocks(arrays: _Arrays) -> Iterator[tuple[np.ndarray[Any, Any], ...]]:
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, BLOCK_ITEMS):
        yield tuple(array[start : start + BLOCK_ITEMS] for array in flat)


def _slabs(arrays: _Arrays) -> Iterator[tuple[np.ndarray[Any, Any], ...]]:
    """Yield blocks of whole rows; divide a row that is larger than a block."""
    length, *row = arrays[0].shape
    rows = BLOCK_ITEMS // math.prod(row)
    if rows == 0:
        for parts in zip(*arrays, strict=True):
            yield from blocks(*parts)
        return
    for start in range(0, length, rows):
        yield tuple(array[start : start + rows] for array in arrays)
