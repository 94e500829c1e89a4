"""The blocks of an encoded update: flat, in C order, of one length whatever the shape and memory order of the array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

_Array = np.ndarray[Any, Any]

CODEC_BLOCK_ITEMS: Final = 32_768
"""The number of items of a block, as the format has it; the last block of an array may have fewer."""


def spans(size: int) -> Iterator[slice]:
    """Yield the span of each block of an array with this number of items."""
    for start in range(0, size, CODEC_BLOCK_ITEMS):
        yield slice(start, min(start + CODEC_BLOCK_ITEMS, size))


class Flat:
    """An array as one flat vector that is read block by block; only blocks are ever copied.

    Args:
        array: The array, in any byte and memory order.
        dtype: The dtype of the blocks, in this machine's byte order.
    """

    def __init__(self, array: _Array, dtype: str) -> None:
        # `flat` walks an array in C order whatever its memory order, at the cost of a copy of each block.
        self._items: Any = array.reshape(-1) if array.flags.c_contiguous else array.flat
        self._dtype = np.dtype(dtype)

    def block(self, span: slice) -> _Array:
        """Return a block; it may be a view, so nobody may write to it."""
        with np.errstate(
            over="ignore"
        ):  # a number that is too large becomes infinite, which the caller refuses
            return np.asarray(self._items[span]).astype(self._dtype, copy=False)
