"""Optimisers on the server: steps towards the mean that remember the steps before."""

import tracemalloc

import numpy as np
import pytest

from fednet.aggregation import aggregator
from fednet.errors import FailedPrecondition, InvalidModel
from fednet.parameters import BLOCK_ITEMS, Structure, load_parameters, write_model

SHAPES = [(3, 4), (), (5,)]
STRUCTURE = Structure.of([np.zeros(shape, np.float32) for shape in SHAPES])
SETTINGS = [
    ("fedavgm", {}),
    ("fedavgm", {"learning_rate": 0.5, "momentum": 0.3}),
    ("fedopt", {}),
    ("fedopt", {"serveropt": "adam", "learning_rate": 1, "beta1": 0, "beta2": 0.5, "tau": 1}),
    ("fedopt", {"serveropt": "yogi", "learning_rate": 0.1, "tau": 0.01}),
    ("fedopt", {"serveropt": "adagrad", "learning_rate": 0.1}),
]
DEFAULTS = {
    "fedavgm": {"learning_rate": 1.0, "momentum": 0.9},
    "fedopt": {
        "serveropt": "adam", "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.99, "tau": 1e-4,
    },
}  # fmt: skip


def arrays_of(seed):
    random = np.random.default_rng(seed)
    return [random.normal(0, 10, shape).astype(np.float32) for shape in SHAPES]


def folded(rule, updates, structure=STRUCTURE):
    partial = rule.partial(structure)
    for arrays, weight in updates:
        partial.accumulate(arrays, weight)
    return partial


def stepped(rule, base, updates, state=None):
    """The new model, and what is remembered."""
    partial = folded(rule, updates, Structure.of(base))
    state = list(partial.advance(base, state))
    return list(partial.finish(base, state)), state


def expected_step(name, settings, base, updates, moments):
    """One step of one array, all in float64 and as the papers write it; moments are (m, v) or (v,)."""
    s = DEFAULTS[name] | settings
    weights = [weight for _, weight in updates]
    delta = np.average([np.float64(array) for array, _ in updates], 0, weights) - base
    if name == "fedavgm":
        v = s["momentum"] * moments[0] + delta
        return base + s["learning_rate"] * v, (v,)
    m = s["beta1"] * moments[0] + (1 - s["beta1"]) * delta
    v = {
        "adagrad": lambda v: v + delta**2,
        "yogi": lambda v: v - (1 - s["beta2"]) * delta**2 * np.sign(v - delta**2),
        "adam": lambda v: s["beta2"] * v + (1 - s["beta2"]) * delta**2,
    }[s["serveropt"]](moments[1])
    return base + s["learning_rate"] * m / (np.sqrt(v) + s["tau"]), (m, v)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_the_steps_of_some_rounds_are_those_of_the_paper(name, settings):
    """After each of four rounds the model is that of one float64 computation, within float32."""
    rule = aggregator(name, settings)
    model, state = arrays_of(0), None
    tau = (DEFAULTS[name] | settings).get("tau", 0.0)
    moments = [(0.0, tau**2) if name == "fedopt" else (0.0,) for _ in SHAPES]

    for number in range(4):
        updates = [(arrays_of(10 * number + k), k) for k in (1, 2, 3)]
        expected = []
        for i, base in enumerate(model):
            of_array = [(arrays[i], weight) for arrays, weight in updates]
            wanted, moments[i] = expected_step(name, settings, base, of_array, moments[i])
            expected.append(wanted)
        model, state = stepped(rule, model, updates, state)

        for found, wanted in zip(model, expected, strict=True):
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


def test_the_first_step_of_adam_is_known_in_closed_form():
    """With a step d from zero: x = 0.001 * 0.1 d / (sqrt(0.99e-8 + 0.01 d²) + 0.0001)."""
    [x], [m, v] = stepped(aggregator("fedopt"), [np.zeros(1)], [([np.ones(1)], 7)])

    assert m == pytest.approx(0.1)
    assert v == pytest.approx(0.99e-8 + 0.01)
    assert x == pytest.approx(1e-4 / (np.sqrt(0.99e-8 + 0.01) + 1e-4), rel=1e-12)


def test_momentum_goes_on_where_the_clients_stand_still():
    """With momentum 0.9 the second step is 0.9 of the first, though nobody moved."""
    rule = aggregator("fedavgm")
    first, state = stepped(rule, [np.zeros(1)], [([np.ones(1)], 1)])
    second, _ = stepped(rule, first, [(first, 1)], state)

    assert (first[0], second[0]) == (1.0, pytest.approx(1.9))


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_what_is_remembered_may_go_through_a_file(tmp_path, name, settings):
    """A state read back from a model file leads to the very same model."""
    rule = aggregator(name, settings)
    updates = [(arrays_of(k), k) for k in (1, 2)]
    model, state = stepped(rule, arrays_of(0), updates)
    write_model(tmp_path / "state.npz", state)
    read = load_parameters(tmp_path / "state.npz")

    once, again = (stepped(rule, model, updates, each)[0] for each in (state, read))
    for found, wanted in zip(again, once, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_counters_and_masks_take_the_mean():
    """Integers and booleans are nothing to step from."""
    base = [np.array([3]), np.zeros(2, np.float32), np.array([False])]
    update = [np.array([9]), np.ones(2, np.float32), np.array([True])]

    (counter, weights, mask), state = stepped(aggregator("fedopt"), base, [(update, 1)])

    assert (counter.tolist(), mask.tolist()) == ([9], [True])
    assert weights == pytest.approx([1e-3, 1e-3], rel=0.01)
    assert len(state) == 2


def test_a_model_without_floats_is_averaged_and_nothing_is_remembered():
    """Where there is nothing to step from, there is no state either."""
    base = [np.array([3])]
    partial = folded(aggregator("fedavgm"), [([np.array([9])], 1)], Structure.of(base))

    assert partial.advance(base, None) is None
    assert [array.tolist() for array in partial.finish(base, None)] == [[9]]


@pytest.mark.parametrize(
    "state",
    [
        [np.zeros(shape) for shape in SHAPES],
        [np.zeros(shape, np.float32) for shape in SHAPES for _ in "mv"],
        [np.zeros(2) for _ in SHAPES for _ in "mv"],
    ],
)
def test_the_state_of_something_else_is_refused(state):
    """Neither that of another optimiser, nor of another dtype, nor of another model."""
    partial = folded(aggregator("fedopt"), [(arrays_of(1), 1)])

    with pytest.raises(InvalidModel, match="belongs to another"):
        partial.advance(arrays_of(0), state)


def test_without_updates_there_is_no_step():
    """An empty round moves nothing, momentum or not."""
    partial = aggregator("fedavgm").partial(STRUCTURE)

    with pytest.raises(FailedPrecondition):
        partial.advance(arrays_of(0), None)
    with pytest.raises(FailedPrecondition):
        partial.finish(arrays_of(0), None)


def test_a_step_beyond_all_numbers_is_refused():
    """A square that overflows is named with its array."""
    partial = folded(aggregator("fedopt"), [([np.array([1e300])], 1)], Structure.of([np.zeros(1)]))

    with pytest.raises(InvalidModel, match="step of array '0' overflows"):
        list(partial.advance([np.zeros(1)], None))


@pytest.mark.parametrize("order", ["C", "F"])
def test_large_models_are_stepped_in_every_order_of_memory(order):
    """Arrays of many blocks are stepped number by number, however the base lies in memory."""
    shape = (BLOCK_ITEMS // 100, 300)
    base, update = np.random.default_rng(0).normal(size=(2, *shape))
    arranged = np.asarray(base, order=order)

    [x], _ = stepped(aggregator("fedavgm", {"learning_rate": 0.5}), [arranged], [([update], 1)])
    np.testing.assert_allclose(x, (base + update) / 2)


def test_a_step_holds_one_array_at_a_time(tmp_path):
    """Beyond its sums, a step needs memory for one array of moments, however large the model is."""
    base = [np.zeros((500, 500), np.float32) for _ in range(8)]
    partial = folded(aggregator("fedopt"), [(base, 1)], Structure.of(base))

    tracemalloc.start()
    write_model(tmp_path / "state.npz", partial.advance(base, None))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak_bytes < 3 * 2 * base[0].nbytes
