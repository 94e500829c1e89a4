"""What a client's code may answer."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from fednet import limits
from fednet.errors import TaskFailed
from fednet.host import (
    check_metadata,
    check_metrics,
    check_predictions,
    check_update,
    storable_answer,
)

HUGE = pytest.param(10**400, id="more than a float holds")


def test_numpy_scalars_become_plain_json():
    """Metrics are computed with NumPy and travel as JSON."""
    metrics = {
        "a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": np.array(2.0),
        "e": np.str_("x"), "f": None,
    }  # fmt: skip

    plain = check_metrics(metrics)

    assert json.loads(json.dumps(plain)) == {
        "a": 0.5, "b": 3, "c": True, "d": 2.0, "e": "x", "f": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Decimal("0.5"), 0.5),
        (Fraction(1, 4), 0.25),
        (np.longdouble(0.5), 0.5),
        (np.array([0.5])[0], 0.5),
        (2**70, 2.0**70),
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
    ],
)
def test_numbers_of_other_kinds_become_plain_numbers(value, plain):
    """What has a number as its value is a number; integers beyond 64 bits become floats."""
    [found] = check_metrics({"loss": value}).values()

    assert (found, type(found)) == (plain, type(plain))


class Tensor:
    """A tensor of no dimension, as those of PyTorch and TensorFlow."""

    ndim = 0

    def item(self):
        return 0.5


def test_a_tensor_of_one_number_is_a_number():
    """A loss is often a tensor."""
    assert check_metrics({"loss": Tensor()}) == {"loss": 0.5}


NOT_FINITE = [
    math.nan, math.inf, -math.inf, np.float32("nan"), np.float16("inf"), np.array(math.nan),
    np.longdouble("nan"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
    pytest.param(10**5000, id="5001 digits"), pytest.param(-(10**400), id="401 digits"),
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_number_that_is_not_finite_counts_as_null_and_is_named(value):
    """The rest of the answer counts, and one line says which value was lost, in metrics, metadata and predictions."""
    lines = []
    answers = [
        check_metrics({"accuracy": 0.5, "loss": value}),
        check_metadata({"num_examples": 1, "epochs": [{"accuracy": 0.5, "loss": value}]}),
        check_predictions({"rows": [[0.5, value]]}),
    ]

    stored = [storable_answer(answer, lines.append) for answer in answers]

    assert json.loads(json.dumps(stored, allow_nan=False)) == [
        {"accuracy": 0.5, "loss": None},
        {"num_examples": 1, "epochs": [{"accuracy": 0.5, "loss": None}]},
        {"rows": [[0.5, None]]},
    ]
    assert [line.split(": ")[1].split(" is ")[0] for line in lines] == [
        "loss", "epochs.0.loss", "rows.0.1",
    ]  # fmt: skip


def test_arrays_with_numbers_that_are_not_finite_count():
    """Predictions may hold them in arrays."""
    lines = []
    answer = check_predictions({"p": np.array([1.0, math.inf], np.float32)})

    assert storable_answer(answer, lines.append) == {"p": [1.0, None]}
    assert "p.1 is inf" in lines[0]


def test_an_answer_without_such_values_reports_nothing():
    """Nothing is said where nothing has changed."""
    assert storable_answer({"a": [1, "é", None, True]}, pytest.fail) == {"a": [1, "é", None, True]}


def test_an_answer_that_is_too_deep_fails_with_its_place():
    """The limit is named."""
    deep = 1
    for _ in range(limits.json_levels_max + 1):
        deep = [deep]

    with pytest.raises(TaskFailed, match="levels deep"):
        storable_answer({"deep": deep}, pytest.fail)


@pytest.mark.parametrize("value", [[1], {"x": 1}, np.ones(2), object(), b"x", 1j])
def test_metrics_that_are_no_scalars_are_refused_by_name(value):
    """Metrics are flat."""
    with pytest.raises(TaskFailed, match="parts is of type"):
        check_metrics({"parts": value})


def test_predictions_may_be_nested_and_hold_arrays():
    """Arrays become lists of plain numbers."""
    answer = {"labels": np.array([[1, 2]]), "best": [{"p": np.float32(0.5)}], "n": 3}

    plain = check_predictions(answer)

    assert json.loads(json.dumps(plain)) == {"labels": [[1, 2]], "best": [{"p": 0.5}], "n": 3}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([1, 2], "must return a dict"),
        (None, "must return a dict"),
        ({"p": [object()]}, r"p\.0 is of type object"),
        ({"p": np.zeros(limits.json_bytes_max)}, "return less"),
        ({"p": [np.broadcast_to(0.0, 10**12)]}, "p.0 has 1000000000000 numbers"),
    ],
)
def test_predictions_that_are_no_bounded_json_are_refused(answer, words):
    """With the path to what is wrong."""
    with pytest.raises(TaskFailed, match=words):
        check_predictions(answer)


@pytest.mark.parametrize("answer", [None, 0.9, ["accuracy"], {1: 2.0}])
def test_metrics_must_be_a_dict_of_names(answer):
    """The message shows what to return."""
    with pytest.raises(TaskFailed, match="must return a dict"):
        check_metrics(answer)


def test_metrics_have_a_limit():
    """No answer is larger than a JSON message may be."""
    with pytest.raises(TaskFailed, match="return less"):
        check_metrics({"text": "x" * limits.json_bytes_max})


@pytest.mark.parametrize("count", [1, 120, 0.5, np.int32(7), np.float64(3)])
def test_examples_are_any_number_above_zero(count):
    """NumPy's numbers count as numbers."""
    assert check_metadata({"num_examples": count})["num_examples"] == count


@pytest.mark.parametrize(
    "count", [0, -1, math.nan, math.inf, 2**60, HUGE, True, np.bool_(True), "3", None, [1]]
)
def test_other_examples_are_refused(count):
    """The error names the field."""
    with pytest.raises(TaskFailed, match="num_examples") as caught:
        check_metadata({"num_examples": count})

    assert caught.value.field == "num_examples" or isinstance(count, list)


def test_a_dict_of_arrays_is_brought_into_the_models_order():
    """Its names are those of the model; without them, or with others, it is refused."""
    answer = ({"b": np.ones(1), "w": np.zeros(2)}, {"num_examples": 1})

    arrays, _ = check_update(answer, ("w", "b"))

    assert [array.tolist() for array in arrays] == [[0, 0], [1]]
    with pytest.raises(TaskFailed, match="lacks 'c' and has the unknown 'b'"):
        check_update(answer, ("w", "c"))
    with pytest.raises(TaskFailed, match="returned dict as parameters"):
        check_update(answer)


def test_missing_examples_are_refused():
    """The message says what to give."""
    with pytest.raises(TaskFailed, match="has no num_examples"):
        check_metadata({"loss": 0.1})


def test_metadata_may_be_nested():
    """Besides num_examples there may be any JSON."""
    metadata = {"num_examples": 1, "epochs": [{"loss": np.float32(0.5)}, (1, 2)]}

    assert check_metadata(metadata)["epochs"] == [{"loss": 0.5}, [1, 2]]


def test_nested_metadata_is_refused_by_its_path():
    """The path leads to the value."""
    with pytest.raises(TaskFailed, match=r"epochs\.0\.loss is of type bytes"):
        check_metadata({"num_examples": 1, "epochs": [{"loss": b"0.5"}]})


@pytest.mark.parametrize("depth", [100, 500, 100_000])
def test_an_answer_that_is_nested_too_deep_is_a_failure_of_its_task(depth):
    """The message names the place; nobody recurses without end."""
    deep = 1.0
    for _ in range(depth):
        deep = {"x": deep}

    for check in (check_metadata, check_predictions):
        with pytest.raises(TaskFailed, match="levels deep"):
            check({"num_examples": 1, "deep": deep})
