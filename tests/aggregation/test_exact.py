"""Sums of integers that nothing rounds before the mean."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fednet.aggregation._exact import ExactSum, digits_of
from fednet.errors import InvalidModel

DTYPES = ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
WEIGHT = st.one_of(
    st.integers(1, 2**53).map(float),
    st.integers(1, 1000).map(float),
    st.floats(0, 2.0**53, exclude_min=True),
)


def ends(dtype):
    return (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)


@st.composite
def updates_of_one_dtype(draw):
    """Return a dtype, and some updates of two numbers with their weights and their partials."""
    dtype = draw(st.sampled_from(DTYPES))
    least, most = ends(dtype)
    number = st.one_of(st.integers(least, most), st.sampled_from([least, most]))
    update = st.tuples(number, number, WEIGHT, st.integers(0, 2))
    return dtype, draw(st.lists(update, min_size=1, max_size=6))


def expected(numbers, weights, dtype):
    """Return the exact mean, rounded once."""
    mean = sum(w * n for n, w in zip(numbers, weights, strict=True)) / sum(weights)
    return mean > Fraction(1, 2) if dtype == "bool" else round(mean)


def through_a_file(total):
    """Return a sum as it is read from a file, where nothing may be written."""
    saved = total.saved()
    saved.flags.writeable = False
    return ExactSum(saved.shape[1:]).loaded(saved, total.first_place)


def mean_of(arrays, weights, dtype):
    total, weight = ExactSum(np.shape(arrays[0])), ExactSum(())
    for array, each in zip(arrays, weights, strict=True):
        total.add(np.asarray(array), digits_of(float(each)))
        weight.add(np.asarray(1), digits_of(float(each)))
    mean = np.empty(np.shape(arrays[0]), dtype)
    total.mean_into(mean, weight)
    return mean


@settings(max_examples=300, deadline=None)
@given(drawn=updates_of_one_dtype(), saved=st.sets(st.integers(0, 2)))
def test_any_split_gives_the_exact_mean_rounded_once(drawn, saved):
    """Over three partials, some of them saved, it is the mean of Python's fractions, for any weights."""
    dtype, updates = drawn
    sums = [(ExactSum((2,)), ExactSum(())) for _ in range(3)]
    for one, other, weight, place in updates:
        sums[place][0].add(np.array([one, other], dtype), digits_of(weight))
        sums[place][1].add(np.asarray(1), digits_of(weight))

    total, total_weight = ExactSum((2,)), ExactSum(())
    for place, (part, weight) in enumerate(sums):
        total.merge(through_a_file(part) if place in saved else part)
        total_weight.merge(through_a_file(weight) if place in saved else weight)
    mean = np.empty(2, dtype)
    total.mean_into(mean, total_weight)

    weights = [Fraction(weight) for *_, weight, _ in updates]
    columns = zip(*((one, other) for one, other, *_ in updates), strict=True)
    assert mean.tolist() == [expected(column, weights, dtype) for column in columns]


def test_carries_of_many_updates_lose_nothing():
    """After more additions than a digit has room for, the largest numbers are what they were."""
    total, weight = ExactSum((2,)), ExactSum(())
    digits = digits_of(65_535.0)
    numbers = np.array([2**63 - 1, -(2**63)])
    for _ in range(33_000):
        total.add(numbers, digits)
        weight.add(np.asarray(1), digits)
    mean = np.empty(2, np.int64)
    total.mean_into(mean, weight)

    assert mean.tolist() == numbers.tolist()


@pytest.mark.parametrize("dtype", [">i8", ">u8", ">i4", "<i8"])
def test_numbers_may_have_either_byte_order(dtype):
    """Files of other machines count alike."""
    numbers = np.array([1, 2**30 + 1], dtype)

    assert mean_of([numbers, numbers], [3, 0.1], np.int64).tolist() == [1, 2**30 + 1]


def test_floats_for_integers_count_with_their_fractions():
    """0.4 and 0.6 make 0.5, which is rounded once, to 0; the signs are symmetric, and large numbers saturate."""
    assert mean_of([np.array([0.4]), np.array([0.6])], [1, 1], np.int64).tolist() == [0]
    assert mean_of([np.array([1.4]), np.array([1.7])], [1, 1], np.int64).tolist() == [2]
    assert mean_of([np.array([-0.1]), np.array([0.1])], [1, 1], np.int64).tolist() == [0]
    assert mean_of([np.array([-1e300, 1e300])], [1], np.int64).tolist() == [-(2**63), 2**63 - 1]
    assert mean_of([np.array([0.4, 0.6])], [1], bool).tolist() == [False, True]


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_arrays_may_have_any_shape(shape):
    """A scalar, an empty array and a matrix in Fortran order have their mean."""
    numbers = np.asfortranarray(np.arange(np.prod(shape, dtype=int)).reshape(shape))

    np.testing.assert_array_equal(mean_of([numbers, numbers + 2], [1, 1], np.int16), numbers + 1)


@pytest.mark.parametrize(
    "saved",
    [
        np.zeros((1, 3), np.int64),
        np.zeros((1, 2), np.int32),
        np.zeros((0, 2), np.int64),
        np.zeros((200, 2), np.int64),
        np.full((1, 2), 2**40),
        np.full((1, 2), -(2**63)),
    ],
)
def test_digits_of_something_else_are_refused(saved):
    """Another shape, another dtype, too many digits and digits that may overflow belong to no sum."""
    with pytest.raises(InvalidModel, match="saved sum of integers"):
        ExactSum((2,)).loaded(saved, 0)
