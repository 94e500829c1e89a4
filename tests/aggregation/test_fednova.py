"""FedNova: steps that are made comparable before they are averaged."""

import numpy as np
import pytest

from fednet import limits
from fednet.aggregation import aggregator
from fednet.errors import InvalidModel
from fednet.parameters import Structure, open_model, write_model

FEDNOVA = aggregator("fednova")
BASE = [np.array([10.0])]


def folded(clients):
    partial = FEDNOVA.partial(Structure.of(BASE))
    for value, examples, steps in clients:
        partial.accumulate([np.array([value])], examples, {"num_steps": steps})
    return partial


def test_with_equal_steps_it_is_the_weighted_mean():
    """Nothing to normalise: FedAvg is the special case."""
    [model] = folded([(11.0, 1, 5), (15.0, 3, 5)]).finish(BASE, None)

    assert model == pytest.approx(14)


def test_who_steps_more_often_counts_no_more():
    """Two clients with one gradient, of which one takes ten steps: 1 · 5.5 = 5.5 steps on the whole."""
    [model] = folded([(11.0, 1, 1), (20.0, 1, 10)]).finish(BASE, None)

    assert model == pytest.approx(10 + 5.5)


def test_the_objective_stays_consistent_with_unlike_steps():
    """The paper's quadratics: the means of unlike work meet at the minimum of the sum of the losses."""
    targets, steps, rate = np.array([0.0, 6.0]), (2, 20), 0.01
    x = np.array([10.0])
    for _ in range(300):
        updates = [t + (x - t) * (1 - rate) ** n for t, n in zip(targets, steps, strict=True)]
        partial = FEDNOVA.partial(Structure.of([x]))
        for update, n in zip(updates, steps, strict=True):
            partial.accumulate([update], 1, {"num_steps": (1 - (1 - rate) ** n) / rate})
        [x] = partial.finish([x], None)

    assert x == pytest.approx(targets.mean(), abs=1e-6)


BAD_STEPS = [None, 0, -1, np.nan, np.inf, "7", True, [1], limits.update_steps_max + 1]


@pytest.mark.parametrize("steps", BAD_STEPS)
def test_a_client_has_to_say_how_many_steps_it_took(steps):
    """What is no number of steps is refused by name, and nothing of the update counts."""
    partial = folded([(11.0, 1, 1)])

    with pytest.raises(InvalidModel, match="num_steps") as caught:
        partial.accumulate([np.array([20.0])], 1, {"num_steps": steps})

    assert caught.value.field == "num_steps"
    [model] = partial.finish(BASE, None)
    assert model == pytest.approx(11)


def test_a_partial_with_impossible_counts_is_not_loaded(tmp_path):
    """Updates that are there have taken steps."""
    folded([(11.0, 1, 1)]).save(tmp_path / "partial.npz")
    with open_model(tmp_path / "partial.npz") as saved:
        sums, tally = (array.copy() for array in saved.arrays)
    tally[2] = 0
    write_model(tmp_path / "partial.npz", [sums, tally])

    with pytest.raises(InvalidModel, match="which is impossible"):
        FEDNOVA.load(tmp_path / "partial.npz", Structure.of(BASE))
