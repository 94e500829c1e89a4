"""Walking through large arrays in blocks."""

import math

import numpy as np
import pytest

from fednet.parameters import BLOCK_ITEMS, BlockArray, blocks

SHAPES = [
    (),
    (0, 3),
    (2**40, 0),
    (5,),
    (2 * BLOCK_ITEMS + 1,),
    (3, BLOCK_ITEMS + 7),
    (BLOCK_ITEMS + 7, 3),
    (2, 2, BLOCK_ITEMS),
]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", SHAPES)
def test_visits_every_item_once_in_views_that_fit(shape, order):
    """Each item is in exactly one block, no block is too large, and blocks are views."""
    counts = np.zeros(shape, order="C")
    other = np.zeros(shape, np.float32, order=order)

    for block, partner in blocks(counts, other):
        assert block.shape == partner.shape
        assert block.size <= BLOCK_ITEMS
        np.add(block, 1, out=block)
        np.add(partner, 1, out=partner)

    assert (counts == 1).all()
    assert (other == 1).all()


def test_visits_strided_arrays():
    """Arrays that are contiguous in no order are walked through as well."""
    whole = np.zeros((BLOCK_ITEMS, 6))
    strided = whole[::2, ::3]

    for (block,) in blocks(strided):
        np.add(block, 1, out=block)

    assert whole.sum() == strided.size


class Counted(BlockArray):
    """The numbers from 0 on, in blocks of odd lengths."""

    def flat_blocks(self):
        numbers = np.arange(math.prod(self.shape), dtype=self.dtype)
        yield from np.split(numbers, [1, 3, 2 * BLOCK_ITEMS + 5])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_array_that_is_made_by_blocks_is_read_beside_others(place):
    """What is written to the blocks of the others reaches them, whatever their place."""
    shape = (3, BLOCK_ITEMS + 1)
    made = Counted(shape, np.dtype(np.float32))
    written, read = np.zeros(shape), np.full(shape, 2.0)
    arrays = [written, read]
    arrays.insert(place, made)

    for parts in blocks(*arrays):
        numbers = parts[place]
        target, factor = [part for part in parts if part is not numbers]
        assert numbers.size <= BLOCK_ITEMS
        np.multiply(numbers, factor, out=target)

    np.testing.assert_array_equal(written.reshape(-1), 2.0 * np.arange(written.size))


def test_an_empty_array_that_is_made_by_blocks_has_none():
    """As any other empty array."""

    class Empty(BlockArray):
        def flat_blocks(self):
            yield from ()

    assert list(blocks(Empty((0, 3), np.dtype(np.float64)), np.zeros((0, 3)))) == []
