"""From float64 to the dtype of a model."""

import numpy as np
import pytest

from fednet.aggregation._rounding import round_into

LEAST = float(np.finfo(np.float64).min)
DTYPES = ["b", "h", "i", "l", "B", "H", "I", "L", "e", "f", "d"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_beyond_the_range_become_its_ends(dtype):
    """Huge and infinite values saturate in every dtype, with no warning and no wrap-around."""
    target = np.empty(4, dtype)
    round_into(target, np.array([-np.inf, LEAST, -LEAST, np.inf]))

    info = np.finfo(dtype) if target.dtype.kind == "f" else np.iinfo(dtype)
    relative = 1e-15 if target.dtype.itemsize == 8 else 0
    np.testing.assert_allclose(
        target.astype(float), np.array([info.min, info.min, info.max, info.max], float), relative
    )


@pytest.mark.parametrize("dtype", [code for code in DTYPES if code in "bhilBHIL"])
def test_integers_are_rounded_to_the_nearest_ties_to_even(dtype):
    """0.5 becomes 0, 1.5 becomes 2, 2.4 becomes 2."""
    target = np.empty(3, dtype)
    round_into(target, np.array([0.5, 1.5, 2.4]))

    assert target.tolist() == [0, 2, 2]


def test_booleans_are_true_above_one_half():
    """One half itself is no majority."""
    target = np.empty(4, bool)
    round_into(target, np.array([0.0, 0.5, 0.51, 1.0]))

    assert target.tolist() == [False, False, True, True]


def test_floats_keep_what_their_precision_holds():
    """Within the range a value becomes the nearest one of the dtype."""
    target = np.empty(2, np.float32)
    round_into(target, np.array([0.1, -1e-30]))

    assert target.tolist() == [np.float32(0.1), np.float32(-1e-30)]
