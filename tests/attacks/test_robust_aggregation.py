"""Three of ten clients send false updates: robust aggregators keep what fedavg loses.

The runs are those of `benchmarks/robustness.py`, which writes the tables of docs/robustness.md: a logistic regression
on scikit-learn's digits, and the aggregators as combiners use them.
"""

import runpy
from functools import lru_cache

import pytest

ROUNDS = 20
POINTS_MAX = 0.03
FLIPPED, FLIPPED_AND_LONGER, SCALED = -1.0, -5.0, 100.0


@pytest.fixture(scope="module")
def accuracy(repository):
    """Return a function that gives the accuracy of an aggregator under an attack; each run is done once."""
    benchmark = runpy.run_path(str(repository / "benchmarks" / "robustness.py"))
    defences = {each.name: each for each in benchmark["DEFENCES"]}

    @lru_cache
    def run(name, factor=1.0):
        return benchmark["run"](defences[name], factor, seed=0, rounds=ROUNDS).accuracy

    return run


@pytest.mark.parametrize("factor", [FLIPPED, FLIPPED_AND_LONGER, SCALED])
@pytest.mark.parametrize("name", ["krum", "fedmedian", "fedtrimmedavg"])
def test_robust_aggregators_keep_the_accuracy_within_three_points(accuracy, name, factor):
    """Of their own undisturbed run, and of that of fedavg."""
    attacked = accuracy(name, factor)

    assert accuracy(name) - attacked <= POINTS_MAX
    assert accuracy("fedavg") - attacked <= POINTS_MAX


@pytest.mark.parametrize("name", ["multikrum", "bulyan", "geometric_median"])
def test_the_other_robust_aggregators_do_so_too(accuracy, name):
    """Bulyan with the fifteen clients that its proof needs."""
    assert accuracy(name) - accuracy(name, FLIPPED_AND_LONGER) <= POINTS_MAX


@pytest.mark.parametrize("name", ["fedavg", "fedavgm", "fedopt"])
def test_a_mean_is_lost_to_three_hostile_clients(accuracy, name):
    """So the attack is one: the model finds no more digits than a guess would."""
    assert accuracy(name) > 0.88
    assert accuracy(name, FLIPPED_AND_LONGER) < 0.2
