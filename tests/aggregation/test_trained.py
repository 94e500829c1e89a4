"""A server optimiser moves trained parameters; statistics and counters become the mean."""

import numpy as np
import pytest

from fednet.aggregation import aggregator
from fednet.errors import InvalidInput
from fednet.parameters import ArraySpec, Structure

NAMES = ["bn.weight", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked", "mask"]
DTYPES = ["float32", "float32", "float64", "int64", "bool"]
STRUCTURE = Structure(
    tuple(ArraySpec(name, (2,), dtype) for name, dtype in zip(NAMES, DTYPES, strict=True))
)
BASE = [np.array([9, 9], np.float32), np.array([9, 9], np.float32), np.array([9.0, 0.5]),
        np.array([7, 7]), np.array([True, True])]  # fmt: skip
UPDATES = [
    ([np.array([8, 8], np.float32), np.array([1, 2], np.float32), np.array([0.5, 0.1]),
      np.array([2**60 + 1, 10]), np.array([False, True])], 1, 1),
    ([np.array([8, 8], np.float32), np.array([3, 6], np.float32), np.array([0.1, 0.3]),
      np.array([2**60 + 1, 20]), np.array([False, True])], 3, 10),
]  # fmt: skip
STEPPING = [
    ("fedopt", {"learning_rate": 10.0}),
    ("fedopt", {"serveropt": "yogi", "learning_rate": 10.0}),
    ("fedopt", {"serveropt": "adagrad", "learning_rate": 10.0}),
    ("fedavgm", {"learning_rate": 10.0}),
    ("fednova", {}),
    ("fedbuff", {"server_learning_rate": 10.0}),
]


def model_of(name, settings, structure=STRUCTURE, base=BASE):
    """Return the new model, and the number of the moments."""
    rule = aggregator(name, settings)
    here, there = rule.partial(structure), rule.partial(structure)
    for partial, (arrays, weight, steps) in zip((here, there), UPDATES, strict=True):
        partial.accumulate(arrays, weight, {"num_steps": steps})
    here.merge(there)
    state = here.advance(base, None)
    state = None if state is None else list(state)
    return list(here.finish(base, state)), len(state or ())


@pytest.mark.parametrize(("name", "settings"), STEPPING)
def test_statistics_and_counters_become_the_mean(name, settings):
    """Whatever the step does to the weights, a variance stays within those of the clients."""
    (weight, mean, var, count, mask), _ = model_of(name, settings)

    shares = [0.5, 0.5] if name == "fedbuff" else [0.25, 0.75]
    assert not np.allclose(weight, [8, 8])
    np.testing.assert_allclose(mean, np.average([[1, 2], [3, 6]], 0, shares))
    np.testing.assert_allclose(var, np.average([[0.5, 0.1], [0.1, 0.3]], 0, shares))
    assert count.tolist() == [2**60 + 1, round(np.average([10, 20], 0, shares))]
    assert mask.tolist() == [False, True]


@pytest.mark.parametrize(("name", "settings"), STEPPING)
def test_without_patterns_every_float_takes_the_step(name, settings):
    """An empty list excludes integers and booleans only."""
    excluded, _ = model_of(name, settings)
    (_, mean, var, count, _), _ = model_of(name, settings | {"exclude": []})

    assert not np.allclose(mean, excluded[1])
    assert not np.allclose(var, excluded[2])
    assert count.tolist() == excluded[3].tolist()


@pytest.mark.parametrize(("name", "settings"), STEPPING)
def test_arrays_without_names_are_excluded_by_their_position(name, settings):
    """In an npz the name of an array is its number."""
    unnamed = Structure.of(BASE)
    (_, mean, var, *_), _ = model_of(name, settings | {"exclude": ["2"]}, unnamed)
    named, _ = model_of(name, settings)

    assert not np.allclose(mean, named[1])
    np.testing.assert_allclose(var, named[2])


@pytest.mark.parametrize("name", ["fedopt", "fedavgm"])
def test_the_memory_has_moments_of_stepped_arrays_only(name):
    """One array takes the step; the averaged ones need no moments."""
    rule = aggregator(name)
    _, moments = model_of(name, {})

    assert moments == len(rule.moments)


def test_patterns_match_the_whole_name_and_its_case():
    """`*` stands for any characters; nothing is matched in part."""
    named, _ = model_of("fedavgm", {"learning_rate": 10.0})
    for pattern in ("running_var", "*RUNNING_VAR", "bn.running"):
        (_, _, var, *_), _ = model_of("fedavgm", {"learning_rate": 10.0, "exclude": [pattern]})
        assert not np.allclose(var, named[2])
    (_, _, var, *_), _ = model_of("fedavgm", {"learning_rate": 10.0, "exclude": ["bn.running_v?r"]})
    np.testing.assert_allclose(var, named[2])


@pytest.mark.parametrize("exclude", ["*running_var", [1], [""], ["x" * 513], ["x"] * 101, None, {}])
def test_patterns_are_a_list_of_texts(exclude):
    """Anything else is refused by name."""
    with pytest.raises(InvalidInput, match=r"'exclude' is .* it must be a list") as caught:
        aggregator("fedopt", {"exclude": exclude})

    assert caught.value.field == "aggregator_kwargs"


@pytest.mark.parametrize("name", ["fedavg", "fedmedian", "krum"])
def test_aggregators_without_steps_have_no_such_setting(name):
    """They treat every array alike."""
    with pytest.raises(InvalidInput, match="no setting 'exclude'"):
        aggregator(name, {"exclude": []})
