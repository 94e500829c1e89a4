"""The check for NaN and infinite numbers."""

import tracemalloc

import numpy as np
import pytest

from fednet.errors import InvalidModel
from fednet.parameters import check_finite


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("order", ["C", "F"])
def test_names_the_array_that_holds_one(dtype, bad, order):
    """One bad number at the very end of an array is found, in every float dtype and order."""
    array = np.ones((300, 500), dtype, order=order)
    array[-1, -1] = bad

    with pytest.raises(InvalidModel, match="Array '1' holds NaN or infinite"):
        check_finite([np.ones(3, dtype), array])


def test_accepts_the_largest_numbers_and_what_has_no_nan():
    """The ends of a dtype's range are finite, and so are integers, booleans and empty arrays."""
    check_finite(
        [
            np.full(10, np.finfo(np.float32).max, np.float32),
            np.full(10, np.finfo(np.float64).min),
            np.array(1.0),
            np.ones((0, 4)),
            np.arange(5),
            np.ones(3, bool),
        ]
    )


@pytest.mark.parametrize("number", [1.0001e5, -1e300])
def test_names_the_array_with_a_number_of_too_many_digits(number):
    """A bound that the dtype exceeds holds for each number of either sign."""
    array = np.ones((3, 300))
    array[1, 7] = number

    with pytest.raises(InvalidModel, match=r"Array '1' holds numbers beyond 100000"):
        check_finite([np.full(2, 1e5), array], digits_max=5)


def test_a_dtype_below_the_bound_is_not_held_against_it():
    """No float32 has more than 39 digits."""
    check_finite([np.full(3, np.finfo(np.float32).max, np.float32), np.ones(())], digits_max=100)


@pytest.mark.parametrize("order", ["C", "F"])
def test_makes_no_temporary_of_the_arrays_size(order):
    """The check of 8 MB takes less than a tenth of it."""
    array = np.ones((1000, 1000), order=order)

    tracemalloc.start()
    check_finite([array])
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < array.nbytes / 10
