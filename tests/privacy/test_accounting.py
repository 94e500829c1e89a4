"""The account of ε against published values and formulas."""

import math

import pytest
from scipy import optimize, stats

from fednet.privacy import epsilon_after


def exact_epsilon(releases, noise_multiplier, delta):
    """Return ε of Gaussian mechanisms by the exact formula of Balle and Wang (ICML 2018, theorem 8).

    The composition of T of them is one of the sensitivity √T (Dong, Roth and Su, "Gaussian Differential Privacy",
    corollary 3.3).
    """
    mu = math.sqrt(releases) / noise_multiplier

    def excess(epsilon):
        tail = math.exp(epsilon) * stats.norm.cdf(-mu / 2 - epsilon / mu)
        return stats.norm.cdf(mu / 2 - epsilon / mu) - tail - delta

    return optimize.brentq(excess, 0.0, 500.0)


def mironov_epsilon(releases, noise_multiplier, delta):
    """Return ε by Mironov's propositions 3 and 7 (CSF 2017), minimised over the order: larger than the best one."""
    rho = releases / (2 * noise_multiplier**2)
    return rho + 2 * math.sqrt(rho * math.log(1 / delta))


@pytest.mark.parametrize("releases", [1, 10, 1000])
@pytest.mark.parametrize("noise_multiplier", [2.0, 5.0, 50.0])
def test_epsilon_is_never_too_small(releases, noise_multiplier):
    """It is at least the exact value, which is known for Gaussian noise alone."""
    exact = exact_epsilon(releases, noise_multiplier, 1e-5)

    assert exact <= epsilon_after(releases, noise_multiplier, 1e-5)


@pytest.mark.parametrize("releases", [1, 10, 100])
@pytest.mark.parametrize("noise_multiplier", [2.0, 10.0])
def test_epsilon_is_at_most_the_first_bound_by_renyi_divergences(releases, noise_multiplier):
    """The account converts better than Mironov's paper did."""
    bound = mironov_epsilon(releases, noise_multiplier, 1e-5)

    assert epsilon_after(releases, noise_multiplier, 1e-5) <= bound


def test_epsilon_of_one_release_is_the_one_that_the_library_publishes():
    """Its own test of the conversion: exactly 1 for this noise."""
    assert epsilon_after(1, 4.530877117, 1e-6) == pytest.approx(1.0, rel=1e-6)


def test_epsilon_is_below_the_classical_formula():
    """Dwork and Roth 2014, theorem A.1: a deviation of √(2 ln(1.25 / δ)) gives at most 1, which is not far off."""
    sigma = math.sqrt(2 * math.log(1.25 / 1e-5))

    assert 0.8 < epsilon_after(1, sigma, 1e-5) < 1.0


def test_no_release_costs_nothing_and_each_further_one_costs_more():
    """So a budget is reached step by step."""
    spent = [epsilon_after(releases, 1.0, 1e-5) for releases in range(4)]

    assert spent[0] == 0.0
    assert spent == sorted(set(spent))
