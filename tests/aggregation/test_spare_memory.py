"""Memory of sums that serves again."""

import gc

import numpy as np

from fednet.aggregation import SpareMemory, aggregator
from fednet.parameters import Structure


def addresses(arrays):
    return [each.__array_interface__["data"][0] for each in arrays]


def test_arrays_are_zeros_of_their_shapes():
    """Also those of no number, and those without a dimension."""
    arrays = SpareMemory().zeros([(2, 3), (), (0, 5), (4,)])

    assert [each.shape for each in arrays] == [(2, 3), (), (0, 5), (4,)]
    assert all(each.dtype == np.float64 and not each.any() for each in arrays)


def test_the_memory_of_arrays_that_are_gone_serves_the_next_ones():
    """They are zeros again."""
    memory = SpareMemory()
    first = memory.zeros([(3,), (1000,)])
    for each in first:
        each.fill(7)
    before = addresses(first)
    del first, each

    second = memory.zeros([(3,), (1000,)])

    assert addresses(second) == before
    assert not any(each.any() for each in second)


def test_memory_serves_nobody_else_while_a_view_of_it_lives():
    """However small the view is, and whatever it was made from."""
    memory = SpareMemory()
    view = memory.zeros([(1000,)])[0].reshape(10, 100)[3, 5:7]
    gc.collect()

    memory.zeros([(1000,)])[0].fill(7)

    assert view.tolist() == [0, 0]


def test_spare_memory_of_another_size_goes():
    """At most one piece is spare."""
    memory = SpareMemory()
    memory.zeros([(1000,)])
    [small] = memory.zeros([(10,)])

    assert small.size == 10
    assert not small.any()


def test_what_is_dropped_serves_nobody():
    """The system has it then."""
    memory = SpareMemory()
    memory.zeros([(1000,)])
    assert memory.spare_bytes == 8000

    memory.drop()

    assert memory.spare_bytes == 0
    assert not memory.zeros([(1000,)])[0].any()


def test_rounds_share_the_memory_of_their_sums():
    """A partial that is gone leaves nothing in the next one."""
    memory, arrays = SpareMemory(), [np.ones((4, 4), np.float32), np.ones(3, np.float32)]
    for factor in (1, 2, 3):
        partial = aggregator("fedavg").partial(Structure.of(arrays))
        partial.work_in(memory)
        partial.accumulate([factor * each for each in arrays], 5)

        for mean in partial.finish(arrays, None):
            np.testing.assert_array_equal(mean, np.full_like(mean, factor))


def test_a_partial_without_updates_is_saved_as_zeros(tmp_path):
    """It merges as nothing."""
    arrays = [np.ones(3, np.float32)]
    rule = aggregator("fedavg")
    rule.partial(Structure.of(arrays)).save(tmp_path / "empty")
    total = rule.partial(Structure.of(arrays))
    total.accumulate(arrays, 1)

    total.merge(rule.load(tmp_path / "empty", Structure.of(arrays)))
    total.merge(rule.partial(Structure.of(arrays)))

    assert [each.tolist() for each in total.finish(arrays, None)] == [[1, 1, 1]]
