"""Iteration over large arrays in blocks, so that intermediate results stay in the processor's cache."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from fednet import limits

BLOCK_ITEMS: Final = limits.fold_block_bytes // np.dtype(np.float64).itemsize
"""The largest number of items of a block: a float64 scratch array of this length serves every block."""

_Array = np.ndarray[Any, Any]


class BlockArray(ABC):
    """An array that is made a block at a time, each time it is read; it is never held as a whole.

    `blocks` iterates over it as over any other array. Nothing else reads it, so only code that keeps to `blocks` may be
    given one.

    Args:
        shape: The shape of the array.
        dtype: The dtype of its blocks.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @abstractmethod
    def flat_blocks(self) -> Iterator[_Array]:
        """Yield the numbers in C order, in flat blocks of any length."""


class MadeArray(BlockArray):
    """An array whose blocks a function makes.

    Args:
        shape: The shape of the array.
        dtype: The dtype of its blocks.
        make: Makes the numbers in C order, in flat blocks of any length.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], make: Callable[[], Iterator[_Array]]
    ) -> None:
        super().__init__(shape, dtype)
        self._make = make

    def flat_blocks(self) -> Iterator[_Array]:
        """Make the blocks; see `BlockArray.flat_blocks`."""
        return self._make()


def flat_blocks(array: _Array | BlockArray) -> Iterator[_Array]:
    """Yield the numbers of any array in C order, in flat blocks."""
    if isinstance(array, BlockArray):
        yield from array.flat_blocks()
        return
    flat = np.asarray(array, order="C").reshape(-1)
    items = max(1, limits.chunk_bytes // flat.itemsize)
    for start in range(0, flat.size, items):
        yield flat[start : start + items]


def blocks(*arrays: _Array | BlockArray) -> Iterator[tuple[_Array, ...]]:
    """Iterate over arrays of one shape together, in views of at most BLOCK_ITEMS items.

    Args:
        arrays: One or more arrays of the same shape, in any memory order. One may be a `BlockArray`: then all others
            must be C-contiguous.

    Yields:
        The views of a block, one into each array, all of one shape.
    """
    made = [array for array in arrays if isinstance(array, BlockArray)]
    views = [array for array in arrays if not isinstance(array, BlockArray)]
    if made:
        return _made_blocks(made[0], arrays)
    if all(array.flags.c_contiguous for array in views):
        return _flat_blocks(views)
    return _slabs(views)


def _flat_blocks(arrays: Sequence[_Array]) -> Iterator[tuple[_Array, ...]]:
    flat = [array.reshape(-1) for array in arrays]
    for start in range(0, flat[0].size, BLOCK_ITEMS):
        yield tuple(array[start : start + BLOCK_ITEMS] for array in flat)


def _made_blocks(
    made: BlockArray, arrays: Sequence[_Array | BlockArray]
) -> Iterator[tuple[_Array, ...]]:
    """Yield the blocks of one array as they are made, with views of the same numbers of the others."""
    others = [None if isinstance(array, BlockArray) else _flat(array) for array in arrays]
    end = 0
    for block in made.flat_blocks():
        for start in range(0, block.size, BLOCK_ITEMS):
            part = block[start : start + BLOCK_ITEMS]
            begin, end = end, end + part.size
            yield tuple(part if other is None else other[begin:end] for other in others)


def _flat(array: _Array) -> _Array:
    assert array.flags.c_contiguous, "a copy would take what is written to it"
    return array.reshape(-1)


def _slabs(arrays: Sequence[_Array]) -> Iterator[tuple[_Array, ...]]:
    """Yield blocks of whole rows; divide a row that is larger than a block."""
    length, *row = arrays[0].shape
    rows = BLOCK_ITEMS // math.prod(row)
    if rows == 0:
        for parts in zip(*arrays, strict=True):
            yield from blocks(*parts)
        return
    for start in range(0, length, rows):
        yield tuple(array[start : start + rows] for array in arrays)
