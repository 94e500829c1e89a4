"""The sum of masked updates as an aggregator's partial."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fednet.aggregation import SpareMemory
from fednet.errors import FailedPrecondition, InvalidModel, LimitExceeded
from fednet.parameters import BLOCK_ITEMS, ArraySpec, Structure, load_parameters, write_model
from fednet.secure.masked_sum import MaskedSums

COUNT = BLOCK_ITEMS + 3


def structure_of(dtype="uint32", count=COUNT):
    return Structure((ArraySpec("0", (count,), dtype),))


def words(seed, dtype="uint32", count=COUNT):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, count, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
@settings(max_examples=20)
@given(parts=st.lists(st.lists(st.integers(0, 50), max_size=3), min_size=1, max_size=4))
def test_every_split_and_order_gives_the_same_sum(tmp_path_factory, dtype, parts):
    """Updates may be split over any partials, which are saved, loaded and merged; the words wrap around."""
    kind, structure = MaskedSums(100), structure_of(dtype)
    path = tmp_path_factory.mktemp("partials") / "partial"
    total = kind.partial(structure)
    for seeds in parts:
        partial = kind.partial(structure)
        for seed in seeds:
            partial.accumulate([words(seed, dtype)], 1.0)
        partial.save(path)
        total.merge(kind.load(path, structure))
    seeds = [seed for part in parts for seed in part]

    expected = np.zeros(COUNT, dtype)
    for seed in reversed(seeds):
        expected += words(seed, dtype)

    assert np.array_equal(total.vector, expected)
    assert (total.weight, total.updates) == (len(seeds), len(seeds))


def test_a_loaded_sum_goes_on(tmp_path):
    """After a restart, further updates are added to the saved ones, and the file stays as it was."""
    kind, structure = MaskedSums(3), structure_of()
    partial = kind.partial(structure)
    partial.accumulate([words(1)], 1.0)
    partial.save(tmp_path / "partial")

    loaded = kind.load(tmp_path / "partial", structure)
    loaded.accumulate([words(2)], 1.0)

    assert np.array_equal(loaded.vector, words(1) + words(2))
    assert np.array_equal(load_parameters(tmp_path / "partial")[0], words(1))


def test_a_sum_without_updates_has_no_result():
    """There is nothing to make a model of."""
    with pytest.raises(FailedPrecondition, match="no masked update"):
        next(iter(MaskedSums(3).partial(structure_of()).finish()))


def test_the_result_is_the_sum():
    """Only who removes the masks can make a model of it."""
    partial = MaskedSums(3).partial(structure_of())
    partial.accumulate([words(1)], 1.0)

    (total,) = partial.finish()

    assert np.array_equal(total, words(1))


def test_more_updates_than_agreed_are_refused():
    """They could wrap around unnoticed, so the sum stays as it is."""
    kind, structure = MaskedSums(2), structure_of()
    partial, other = kind.partial(structure), kind.partial(structure)
    partial.accumulate([words(1)], 1.0)
    for seed in (2, 3):
        other.accumulate([words(seed)], 1.0)

    with pytest.raises(LimitExceeded, match="no room"):
        partial.merge(other)
    with pytest.raises(LimitExceeded, match="no room"):
        other.accumulate([words(4)], 1.0)

    assert np.array_equal(partial.vector, words(1))
    assert other.updates == 2


@pytest.mark.parametrize(
    ("arrays", "problem"),
    [
        ([words(1, "uint64")], "Send words of the ring"),
        ([words(1).astype(np.float32)], "Send words of the ring"),
        ([words(1)[:-1]], "has shape"),
        ([words(1), words(2)], "2 arrays"),
    ],
)
def test_anything_but_words_of_the_ring_is_refused(arrays, problem):
    """An update of another form leaves the sum unchanged."""
    partial = MaskedSums(3).partial(structure_of())

    with pytest.raises(InvalidModel, match=problem):
        partial.accumulate(arrays, 1.0)

    assert partial.updates == 0
    assert not partial.vector.any()


def test_foreign_byte_order_is_read():
    """A model file may have either."""
    partial = MaskedSums(3).partial(structure_of())

    partial.accumulate([words(1).astype(">u4")], 1.0)

    assert np.array_equal(partial.vector, words(1))


@pytest.mark.parametrize(
    "arrays",
    [
        [words(1)],
        [words(1), np.zeros(2, np.float32)],
        [words(1, "uint64"), np.zeros(2)],
        [words(1), np.array([1.0, 0.5])],
        [words(1), np.array([3.0, 4.0])],
        [words(1), np.array([-1.0, 1.0])],
        [words(1), np.array([1.0, np.nan])],
    ],
)
def test_a_saved_sum_of_another_form_is_refused(tmp_path, arrays):
    """A damaged or foreign file is never merged."""
    write_model(tmp_path / "partial", arrays)

    with pytest.raises(InvalidModel, match=r"saved partial|parameters take"):
        MaskedSums(3).load(tmp_path / "partial", structure_of())


@pytest.mark.parametrize(("dtype", "count"), [("uint32", 7), ("uint32", 8), ("uint64", 7)])
def test_the_memory_of_a_sum_serves_the_next_round(dtype, count):
    """It comes from the memory that the combiner keeps, and is zero again."""
    memory, kind, structure = SpareMemory(), MaskedSums(3), structure_of(dtype, count)
    for seed in (1, 2):
        partial = kind.partial(structure)
        partial.work_in(memory)
        partial.accumulate([words(seed, dtype, count)], 1.0)

        assert np.array_equal(partial.vector, words(seed, dtype, count))
        del partial
    assert memory.spare_bytes >= structure.nbytes
