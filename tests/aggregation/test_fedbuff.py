"""FedBuff with updates of several ages, against a computation of its own in float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.aggregation import aggregator
from fednet.errors import InvalidInput, InvalidModel
from fednet.parameters import Structure, open_model, write_model

SHAPES = [(3, 4), (5,), ()]
STRUCTURE = Structure.of([np.zeros(shape, np.float32) for shape in SHAPES])


def model(seed):
    """Arrays, the same for the same seed; one of them in Fortran order."""
    random = np.random.default_rng(seed)
    first, *rest = [random.normal(0, 10, shape).astype(np.float32) for shape in SHAPES]
    return [np.asfortranarray(first), *rest]


def buffered(rule, flights, structure=STRUCTURE):
    """One partial of all flights, each (update, base or None, staleness), as a combiner makes it."""
    total = rule.partial(structure)
    for update, base, staleness in flights:
        partial = rule.partial(structure)
        partial.accumulate(update, 1)
        total.merge(partial.aged(base, staleness) if staleness else partial)
    return total


def moved(x, flights, rate=1.0, exponent=0.5):
    """The paper's algorithm 1, array by array: x, and each client's (update, base or None, staleness)."""
    made = []
    for place, before in enumerate(x):
        total = np.zeros(before.shape)
        for update, base, staleness in flights:
            began = np.asarray((base or x)[place], np.float64)
            total += (update[place].astype(np.float64) - began) / (1 + staleness) ** exponent
        made.append(before + rate * total / len(flights))
    return made


def assert_close(made, expected):
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=2e-6)


FLIGHT = st.tuples(st.integers(0, 1000), st.integers(0, 30))


@given(
    drawn=st.lists(FLIGHT, min_size=1, max_size=8),
    rate=st.floats(0.01, 2),
    exponent=st.floats(0, 3),
)
def test_steps_of_any_age_give_what_numpy_gives(drawn, rate, exponent):
    """Each from its own base, damped by its age, over the number of all."""
    flights = [(model(seed), model(2000 + age) if age else None, age) for seed, age in drawn]
    rule = aggregator("fedbuff", {"server_learning_rate": rate, "staleness_exponent": exponent})

    made = buffered(rule, flights).finish(model(5000), None)

    assert_close(list(made), moved(model(5000), flights, rate, exponent))


def test_the_defaults_are_the_papers_weights():
    """One over the root of one plus the age: 1, 1/√2, 1/2 after 0, 1 and 3 rounds."""
    base, zeros = [np.zeros(1)], [np.zeros(1)]
    flights = [([np.full(1, 3.0)], zeros, age) for age in (0, 1, 3)]

    [made] = buffered(aggregator("fedbuff"), flights, Structure.of(base)).finish(base, None)

    assert made[0] == pytest.approx(1 + 0.5**0.5 + 0.5)


def test_an_update_is_aged_without_a_change_to_its_partial():
    """So a repeated reduction, or one of a later round, begins with the same."""
    rule = aggregator("fedbuff")
    partial = rule.partial(STRUCTURE)
    partial.accumulate(model(1), 7)
    fresh = list(partial.finish(model(2), None))

    aged = partial.aged(model(3), 4)

    assert_close(list(partial.finish(model(2), None)), fresh)
    assert_close(list(aged.finish(model(2), None)), moved(model(2), [(model(1), model(3), 4)]))
    assert (aged.updates, aged.weight) == (partial.updates, partial.weight) == (1, 7)


def test_files_stay_mapped_and_saved_partials_are_aged_like_others(tmp_path):
    """Updates and bases are views into files, of which nothing but blocks is copied."""
    rule = aggregator("fedbuff")
    write_model(tmp_path / "update.npz", model(1))
    write_model(tmp_path / "base.npz", model(3))
    partial = rule.partial(STRUCTURE)
    with open_model(tmp_path / "update.npz") as update:
        partial.accumulate(update.arrays, 1)
    partial.save(tmp_path / "partial.npz")
    with open_model(tmp_path / "base.npz") as opened:
        base = opened.arrays
    (tmp_path / "base.npz").unlink()

    aged = rule.load(tmp_path / "partial.npz", STRUCTURE).aged(base, 2)

    assert_close(list(aged.finish(model(2), None)), moved(model(2), [(model(1), model(3), 2)]))


def test_counters_and_masks_take_the_mean_by_age():
    """Of 8 from now and 5 from three rounds ago, which counts half: 7; the mask is the majority's."""
    base = [np.array([1]), np.array([False])]
    flights = [([np.array([8]), np.array([True])], None, 0)]
    flights += [([np.array([5]), np.array([False])], base, 3)]

    made = buffered(aggregator("fedbuff"), flights, Structure.of(base)).finish(base, None)

    assert [array.tolist() for array in made] == [[7], [True]]


def test_steps_too_large_for_numbers_make_no_model():
    """Infinity less infinity is refused, with what to do."""
    end = np.finfo(np.float64).max
    base = [np.zeros(1)]
    flights = [
        ([np.full(1, end)], [np.full(1, -end)], 1),
        ([np.full(1, -end)], [np.full(1, end)], 1),
    ]

    with pytest.raises(InvalidModel, match="learning rate"):
        list(buffered(aggregator("fedbuff"), flights, Structure.of(base)).finish(base, None))


@pytest.mark.parametrize(
    "settings",
    [
        {"server_learning_rate": 0}, {"server_learning_rate": float("nan")},
        {"staleness_exponent": -1}, {"staleness_exponent": 11},
        {"staleness_max": 0}, {"staleness_max": 1.5},
    ],
)  # fmt: skip
def test_settings_beyond_their_limits_are_refused(settings):
    """With the name of the setting."""
    with pytest.raises(InvalidInput, match=next(iter(settings))):
        aggregator("fedbuff", settings)


def test_only_fedbuff_takes_stale_updates():
    """To the others a late update is none; whoever adds an aggregator takes that default."""
    assert aggregator("fedbuff", {"staleness_max": 7}).staleness_max == 7
    assert aggregator("fedavg").staleness_max == 0
    assert aggregator("fedavg").partial(STRUCTURE).aged([], 3).updates == 0
