"""The noise, by its distribution and by its keys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fednet.privacy import GaussianNoise, derived_key, new_noise_key

KEY = "00" * 32


def test_the_noise_is_gaussian():
    """The test of Kolmogorov and Smirnov on 200,000 numbers under a fixed key, and their first moments."""
    drawn = GaussianNoise(KEY).draw(3.0, 200_000)

    assert stats.kstest(drawn / 3.0, "norm").pvalue > 0.01
    assert drawn.mean() == pytest.approx(0.0, abs=0.03)
    assert drawn.std() == pytest.approx(3.0, rel=0.01)


def test_numbers_do_not_depend_on_one_another():
    """Neither on the one before, nor on the other one of a pair."""
    drawn = GaussianNoise(KEY).draw(1.0, 100_000)
    halves = drawn.reshape(2, -1)

    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.02
    assert abs(np.corrcoef(*halves)[0, 1]) < 0.02
    assert abs(np.corrcoef(*np.square(halves))[0, 1]) < 0.02


@settings(max_examples=20)
@given(st.lists(st.integers(0, 9), max_size=5))
def test_a_key_repeats_its_noise_and_no_other_key_has_it(counts):
    """However many numbers are drawn at once."""
    one, same, other = GaussianNoise(KEY), GaussianNoise(KEY), GaussianNoise("01" * 32)
    for count in counts:
        drawn = one.draw(1.0, count)
        assert drawn.shape == (count,)
        np.testing.assert_array_equal(drawn, same.draw(1.0, count))
        assert not set(drawn) & set(other.draw(1.0, count))


def test_noise_without_a_key_is_new_each_time():
    """Two streams, and two keys, have nothing in common."""
    assert GaussianNoise().draw(1.0, 4).tolist() != GaussianNoise().draw(1.0, 4).tolist()
    assert new_noise_key() != new_noise_key()
    assert derived_key(KEY, "a") != derived_key(KEY, "b")
    assert derived_key(KEY, "a") == derived_key(KEY, "a")
