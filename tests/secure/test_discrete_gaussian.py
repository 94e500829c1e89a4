"""Discrete Gaussian noise: its distribution, and its exact decisions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from fednet.errors import InvalidInput
from fednet.secure import discrete_gaussian
from fednet.secure.discrete_gaussian import DiscreteGaussian

KEY = bytes(range(32))
COUNT = 200_000
P_MIN = 1e-4  # the keys are fixed, so a test that passes once passes always


def probabilities(deviation, largest):
    """The probability of each number from -largest to largest."""
    numbers = np.arange(-largest, largest + 1)
    weights = np.exp(-(numbers**2) / (2 * deviation**2))
    return numbers, weights / weights.sum()


def chi_square_p(drawn, deviation):
    """The p-value of the numbers of each value, where at least 5 are expected."""
    numbers, chances = probabilities(deviation, math.ceil(10 * deviation) + 1)
    is_common = chances * drawn.size >= 5
    expected = np.append(chances[is_common], chances[~is_common].sum()) * drawn.size
    found = np.array([(drawn == number).sum() for number in numbers[is_common]])
    found = np.append(found, drawn.size - found.sum())
    return stats.chisquare(found, expected * found.sum() / expected.sum()).pvalue


@pytest.mark.parametrize("deviation", [0.3, 0.5, 1.0, 1.4, 1.5, 2.9, 10.3])
def test_each_number_has_its_probability(deviation):
    """Whatever the place of the deviation between powers of two."""
    drawn = DiscreteGaussian(KEY).draw(deviation, COUNT)

    assert drawn.dtype == np.int64
    assert chi_square_p(drawn, deviation) > P_MIN


@pytest.mark.parametrize("deviation", [1000.7, 2.0**20 * 1.3, 2.0**46])
def test_a_large_deviation_gives_a_gaussian(deviation):
    """With many steps in a deviation, the continuous distribution is as good a reference."""
    drawn = DiscreteGaussian(KEY).draw(deviation, COUNT) / deviation

    assert stats.kstest(drawn, "norm").pvalue > P_MIN
    assert drawn.std() == pytest.approx(1, abs=0.01)


def test_the_lowest_bits_of_large_numbers_are_uniform():
    """A float64 with noise has gaps there; a whole number has none."""
    drawn = DiscreteGaussian(KEY).draw(2.0**40, COUNT)

    counts = np.bincount(drawn & 15, minlength=16)

    assert stats.chisquare(counts).pvalue > P_MIN


@pytest.mark.parametrize("deviation", [0.7, 2.5])
def test_decisions_by_digits_have_the_same_distribution(monkeypatch, deviation):
    """With a margin so wide that float64 decides nothing, all is left to exact fractions."""
    monkeypatch.setattr(discrete_gaussian, "_MARGIN", 2.0)

    drawn = DiscreteGaussian(KEY).draw(deviation, 1000)

    assert chi_square_p(drawn, deviation) > P_MIN


@pytest.mark.parametrize("exponent", [Fraction(0), Fraction(1, 3), Fraction(2), Fraction(700)])
def test_a_uniform_number_is_compared_exactly(exponent):
    """Within an accuracy that float64 does not have, bits that are not known yet decide."""
    noise = DiscreteGaussian(KEY)
    bound = math.exp(-exponent)
    step = 2.0**-53
    below, above = bound - 8 * step, bound + 8 * step

    assert noise._is_below(below, exponent) or below < 0
    assert above >= 1 or not noise._is_below(above, exponent)


def test_the_whole_part_of_a_logarithm_is_exact():
    """Next to exp(-k) the whole part is k on one side and k - 1 on the other; also for the smallest number."""
    noise = DiscreteGaussian(KEY)
    step = 2.0**-53

    for k in range(1, 30):
        multiple = math.floor(math.exp(-k) / step)
        assert noise._whole((multiple - 2) * step) == k
        assert noise._whole((multiple + 2) * step) == k - 1
    assert noise._whole(0.0) >= 36


def test_the_same_key_gives_the_same_numbers():
    """And a source without a key has a new one."""
    first, same = (DiscreteGaussian(KEY).draw(5.0, 1000) for _ in "12")
    other, another = (DiscreteGaussian().draw(5.0, 1000) for _ in "12")

    assert np.array_equal(first, same)
    assert not np.array_equal(other, another)


def test_numbers_of_one_stream_are_independent():
    """Later numbers go on where the earlier ones ended."""
    noise = DiscreteGaussian(KEY)
    first, second = noise.draw(50.0, COUNT), noise.draw(50.0, COUNT)

    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.02


def test_no_number_may_be_asked_for():
    """An empty array has no noise."""
    assert DiscreteGaussian(KEY).draw(1.0, 0).shape == (0,)


@pytest.mark.parametrize("deviation", [0.0, -1.0, math.nan, math.inf, 2.0**47])
def test_an_impossible_deviation_is_refused(deviation):
    """The error names the field of the terms."""
    with pytest.raises(InvalidInput) as refusal:
        DiscreteGaussian(KEY).draw(deviation, 1)

    assert refusal.value.field == "noise_deviation"
