"""Walking through large arrays in blocks."""

import numpy as np
import pytest

from fednet.parameters import BLOCK_ITEMS, blocks

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
