"""Federated averaging, and the laws that a partial obeys."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.aggregation import aggregator
from fednet.errors import FailedPrecondition, InvalidModel
from fednet.parameters import (
    BLOCK_ITEMS,
    Structure,
    helper_names,
    model_format,
    open_model,
    write_model,
)

FEDAVG = aggregator("fedavg")
SHAPES = [(3, 4), (5,), (), (0, 2), (2, 3, 2)]
STRUCTURE = Structure.of([np.zeros(shape, np.float32) for shape in SHAPES])


def update(seed):
    """The arrays of one client, the same for the same seed; one of them in Fortran order."""
    random = np.random.default_rng(seed)
    arrays = [random.normal(1, 100, shape).astype(np.float32) for shape in SHAPES]
    return [np.asfortranarray(arrays[0]), *arrays[1:]]


def folded(updates):
    """A partial of (seed, weight) pairs."""
    partial = FEDAVG.partial(STRUCTURE)
    for seed, weight in updates:
        partial.accumulate(update(seed), weight)
    return partial


def expected_mean(updates):
    """What one computation in float64 gives."""
    weights = np.array([weight for _, weight in updates], np.float64)
    stacks = zip(*(update(seed) for seed, _ in updates), strict=True)
    return [
        np.tensordot(weights, np.stack(s).astype(np.float64), 1) / weights.sum() for s in stacks
    ]


def assert_mean(partial, updates):
    """The partial finishes in the mean of the updates, within 1e-6 of the numbers that went in."""
    assert partial.updates == len(updates)
    assert partial.weight == pytest.approx(sum(weight for _, weight in updates), rel=1e-12)
    for found, mean in zip(partial.finish(), expected_mean(updates), strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, mean, rtol=1e-6, atol=1e-9)


WEIGHTS = st.integers(1, 10**6) | st.floats(1e-3, 1e6)
UPDATES = st.lists(st.tuples(st.integers(0, 1000), WEIGHTS), min_size=1, max_size=12)


@given(updates=UPDATES, data=st.data())
def test_any_split_over_partials_merged_in_any_order_gives_the_mean(updates, data):
    """However many combiners there are and whoever is on which: the model is the mean of all."""
    places = data.draw(st.lists(st.integers(0, 4), min_size=len(updates), max_size=len(updates)))
    shares = [[u for u, place in zip(updates, places, strict=True) if place == n] for n in range(5)]
    partials = data.draw(st.permutations([folded(share) for share in shares]))

    total = partials[0]
    for partial in partials[1:]:
        total.merge(partial)

    assert_mean(total, updates)


@given(updates=UPDATES, data=st.data())
def test_updates_may_come_in_any_order(updates, data):
    """The mean does not depend on who is first."""
    assert_mean(folded(data.draw(st.permutations(updates))), updates)


@given(updates=st.lists(UPDATES, min_size=3, max_size=3))
def test_merging_is_associative_and_commutative(updates):
    """(a + b) + c, a + (b + c) and c + b + a finish in the same model."""
    a, b, c = (folded(share) for share in updates)
    left = folded(updates[0])
    left.merge(b)
    left.merge(c)
    right = folded(updates[1])
    right.merge(c)
    right.merge(a)
    c.merge(b)
    c.merge(a)

    everything = [pair for share in updates for pair in share]
    for partial in (left, right, c):
        assert_mean(partial, everything)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("partials") / "partial.npz"


@given(first=UPDATES, second=UPDATES, third=st.tuples(st.integers(0, 1000), WEIGHTS))
def test_a_saved_partial_goes_on_like_the_one_that_was_saved(file, first, second, third):
    """Loaded, merged into, added to and finished, a partial is what it was before it was saved."""
    partial, other = folded(first), folded(second)
    partial.save(file)
    loaded = FEDAVG.load(file, STRUCTURE)
    for one in (partial, loaded):
        one.merge(other)
        one.accumulate(update(third[0]), third[1])

    for found, wanted in zip(loaded.finish(), partial.finish(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert (loaded.weight, loaded.updates) == (partial.weight, partial.updates)


@given(first=UPDATES, second=UPDATES)
def test_a_saved_partial_can_be_merged_from_its_file(file, first, second):
    """A loaded partial counts in a merge for what it held, and its file stays as it was."""
    folded(second).save(file)
    content = file.read_bytes()
    partial = folded(first)
    partial.merge(FEDAVG.load(file, STRUCTURE))

    assert_mean(partial, first + second)
    assert file.read_bytes() == content


def test_an_empty_partial_changes_nothing_and_has_no_mean(file):
    """Nothing folded is the neutral element of merging, saved or not, and is no model."""
    partial, empty = folded([(1, 2.0)]), folded([])
    empty.save(file)
    partial.merge(empty)
    partial.merge(FEDAVG.load(file, STRUCTURE))

    assert_mean(partial, [(1, 2.0)])
    with pytest.raises(FailedPrecondition):
        empty.finish()


def test_a_merged_partial_stays_as_it_was():
    """Merging reads the other partial only."""
    other = folded([(2, 3)])
    folded([(1, 2)]).merge(other)

    assert_mean(other, [(2, 3)])


BAD_WEIGHTS = [
    0, -1, -0.5, np.nan, np.inf, -np.inf, 2.0**54, 10**400, None, "7", [1], True, 1j,
]  # fmt: skip


@pytest.mark.parametrize("weight", BAD_WEIGHTS)
def test_a_weight_that_counts_no_examples_is_refused_and_changes_nothing(weight):
    """num_examples is a finite number above zero; the refusal names it."""
    partial = folded([(1, 2)])

    with pytest.raises(InvalidModel, match="num_examples is") as caught:
        partial.accumulate(update(2), weight)

    assert caught.value.field == "num_examples"
    assert_mean(partial, [(1, 2)])


@pytest.mark.parametrize("weight", [3, 3.0, np.int64(3), np.float32(3)])
def test_any_kind_of_number_may_be_a_weight(weight):
    """Python's and NumPy's numbers count alike."""
    assert_mean(folded([(1, weight), (2, 1)]), [(1, 3), (2, 1)])


@pytest.mark.parametrize(
    "arrays",
    [
        update(2)[:-1],
        [*update(2), np.zeros(1)],
        [*update(2)[:-1], np.zeros((2, 2, 3))],
        [*update(2)[:-1], np.zeros((2, 3, 2), complex)],
        [],
    ],
)
def test_a_refused_update_leaves_the_partial_unchanged(arrays):
    """An update whose last array is wrong has not touched the first."""
    partial = folded([(1, 2)])

    with pytest.raises(InvalidModel):
        partial.accumulate(arrays, 5)

    assert_mean(partial, [(1, 2)])


def test_partials_of_other_models_are_not_merged():
    """Only partials of one structure can be merged; the refused one changes nothing."""
    partial = folded([(1, 2)])
    other = FEDAVG.partial(Structure.of([np.zeros(3)]))
    other.accumulate([np.ones(3)], 1)

    with pytest.raises(InvalidModel, match="Cannot merge"):
        partial.merge(other)

    assert_mean(partial, [(1, 2)])


def mean_of(arrays, weights, dtype):
    """The mean of one-array updates in a model of that dtype."""
    partial = FEDAVG.partial(Structure.of([np.zeros(arrays[0].shape, dtype)]))
    for array, weight in zip(arrays, weights, strict=True):
        partial.accumulate([array], weight)
    [mean] = partial.finish()
    return mean


def test_integers_are_rounded_to_the_nearest():
    """The mean of integers is an integer, and 64-bit ends stay within their range."""
    ends = np.array([np.iinfo(np.int64).max, np.iinfo(np.int64).min])

    assert mean_of([np.array([1, 7]), np.array([2, -8])], [1, 2], np.int64).tolist() == [2, -3]
    assert (mean_of([ends] * 3, [1] * 3, np.int64) / 2.0**63).tolist() == pytest.approx([1, -1])


def test_booleans_follow_the_majority_of_examples():
    """A boolean is true when more than half of the weight says so."""
    arrays = [np.array([True, True, False]), np.array([True, False, False])]

    assert mean_of(arrays, [1, 1], bool).tolist() == [True, False, False]
    assert mean_of(arrays, [3, 2], bool).tolist() == [True, True, False]


def test_a_mean_of_float16_does_not_overflow_on_the_way():
    """Sums far beyond float16 give a mean within it; a mean beyond it becomes its largest number."""
    largest = np.full(3, np.finfo(np.float16).max, np.float16)

    assert mean_of([largest] * 50, [1000] * 50, np.float16).tolist() == largest.tolist()
    assert mean_of([np.full(3, 1e6)], [1], np.float16).tolist() == largest.tolist()


def test_sums_beyond_float64_end_at_its_range():
    """A sum that overflows is no infinity in the model, and a contradiction of two is refused."""
    huge = np.array([1e308])

    assert mean_of([huge, huge], [1000, 1000], np.float64) == np.finfo(np.float64).max
    with pytest.raises(InvalidModel, match="array '0' is not finite"):
        mean_of([huge, -huge], [1000, 1000], np.float64)


def test_large_arrays_are_folded_in_every_order_of_memory():
    """Arrays of many blocks, transposed, strided and big-endian, are folded item by item."""
    shape = (BLOCK_ITEMS // 100, 300)
    plain = np.random.default_rng(0).normal(size=shape)
    wide = np.repeat(plain, 2, 1)[:, ::2]

    orders = [plain, np.asfortranarray(plain), wide, plain.astype(">f8")]
    mean = mean_of(orders, [1, 2, 3, 4], np.float32)
    np.testing.assert_allclose(mean, plain, rtol=1e-6)


def test_folding_and_finishing_take_no_second_copy_of_the_model(tmp_path):
    """Beyond its float64 sums, a partial needs one array at a time."""
    arrays = [np.ones((500, 500), np.float32) for _ in range(8)]
    partial = FEDAVG.partial(Structure.of(arrays))
    partial.accumulate(arrays, 1)

    tracemalloc.start()
    partial.accumulate(arrays, 2)
    write_model(tmp_path / "model.npz", partial.finish())
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < 3.5 * arrays[0].nbytes


def test_a_partial_of_another_model_is_not_loaded(file):
    """A saved partial fits one structure, and a model file is no partial."""
    folded([(1, 2)]).save(file)
    with pytest.raises(InvalidModel, match="does not belong"):
        FEDAVG.load(file, Structure.of([np.zeros((6, 4)), np.zeros(9)]))

    write_model(file, update(1))
    with pytest.raises(InvalidModel, match="does not belong"):
        FEDAVG.load(file, STRUCTURE)


@pytest.mark.parametrize(
    ("weight", "updates"),
    [(0, 1), (1, 0), (-1, 1), (1, -1), (np.nan, 1), (1, np.nan), (1, np.inf), (np.inf, 1),
     (1, 1.5), (4.0 * limits.update_examples_max, 3)],
)  # fmt: skip
def test_a_partial_with_an_impossible_tally_is_not_loaded(file, weight, updates):
    """Weight and count of a saved partial must be ones that updates can have led to."""
    folded([(1, 2)]).save(file)
    with open_model(file) as saved:
        write_model(file, [*saved.arrays[:-1], np.array([weight, updates], np.float64)])

    with pytest.raises(InvalidModel, match="which is impossible"):
        FEDAVG.load(file, STRUCTURE)


@pytest.mark.parametrize("name", helper_names())
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "bool"])
def test_a_mean_that_is_made_while_it_is_written_is_the_same(tmp_path, name, dtype):
    """Each format gets the bytes of the arrays of `finish`, also from a partial that was saved."""
    arrays = [np.arange(30).reshape(5, 6).astype(dtype), np.array(1, dtype)]
    partial = aggregator("fedavg").partial(Structure.of(arrays))
    partial.accumulate(arrays, 3.0)
    partial.accumulate([array + array for array in arrays], 1.0)
    partial.save(tmp_path / "partial")
    loaded = aggregator("fedavg").load(tmp_path / "partial", Structure.of(arrays))
    form = model_format(name)

    expected = form.write(tmp_path / "whole", partial.finish(arrays, None))

    for each in (partial, loaded):
        assert form.write(tmp_path / "in blocks", each.finish_in_blocks(arrays, None)) == expected


def test_a_mean_takes_no_memory_for_the_new_model(tmp_path):
    """Not even for a model that is one array: it is made while it is written."""
    arrays = [np.ones(4_000_000, np.float32)]
    partial = aggregator("fedavg").partial(Structure.of(arrays))
    partial.accumulate(arrays, 1.0)

    tracemalloc.start()
    try:
        write_model(tmp_path / "model", partial.finish_in_blocks(arrays, None))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < arrays[0].nbytes / 4


def test_a_partial_without_blocks_gives_the_arrays_of_finish():
    """An aggregator need not know of blocks."""
    arrays = [np.ones(3, np.float32)]
    partial = aggregator("fedopt").partial(Structure.of(arrays))
    partial.accumulate([2 * arrays[0]], 1.0)
    state = list(partial.advance(arrays, None))

    given, expected = partial.finish_in_blocks(arrays, state), partial.finish(arrays, state)

    assert [each.tolist() for each in given] == [each.tolist() for each in expected]
