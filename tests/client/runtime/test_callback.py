"""Tasks as functions of the user's process."""

import threading

import numpy as np
import pytest

from fednet import limits
from fednet.client.runtime import CallbackRuntime
from fednet.errors import TaskFailed
from fednet.parameters import load_parameters


def plus_one(parameters, settings):
    return [array + settings["step"] for array in parameters], {"num_examples": 5}


def failing(error):
    def fail(_parameters, _settings):
        raise error

    return fail


def test_training_writes_the_update_and_returns_its_metadata(model, tmp_path):
    """The function gets arrays and settings; the update is a model file."""
    runtime = CallbackRuntime(plus_one, None)

    metadata = runtime.train(model, tmp_path / "update.npz", {"step": 1})

    assert metadata == {"num_examples": 5}
    update = load_parameters(tmp_path / "update.npz")
    assert [array[0].tolist() for array in update[:1]] == [[2, 2, 2]]


def test_validating_returns_the_metrics(model):
    """The function's dict comes back as JSON."""
    runtime = CallbackRuntime(None, lambda parameters, _: {"sum": parameters[0].sum()})

    assert runtime.validate(model, {}) == {"sum": 6.0}


def test_predicting_returns_json(model):
    """Arrays become lists in the predictions."""
    runtime = CallbackRuntime(None, None, lambda parameters, _: {"row": parameters[0][0]})

    assert runtime.predict(model, {}) == {"row": [1.0, 1.0, 1.0]}


def test_kinds_are_those_with_a_function():
    """A client offers what it can do, and needs no package for it."""
    assert CallbackRuntime(plus_one, None).kinds == {"TRAIN"}
    assert CallbackRuntime(None, plus_one).kinds == {"VALIDATE"}
    assert CallbackRuntime(None, None, plus_one).kinds == {"PREDICT"}
    assert not CallbackRuntime(None, None).needs_package


def test_a_task_without_function_fails(model):
    """The message says which function is missing."""
    with pytest.raises(TaskFailed, match="no validate function"):
        CallbackRuntime(plus_one, None).validate(model, {})


@pytest.mark.parametrize(
    "error", [ValueError("bad digits"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]
)
def test_whatever_the_function_raises_fails_the_task(model, tmp_path, error):
    """The traceback leads to the user's line, and no update is written."""
    runtime = CallbackRuntime(failing(error), None)

    with pytest.raises(TaskFailed, match=type(error).__name__) as caught:
        runtime.train(model, tmp_path / "update.npz", {})

    assert "in fail" in caught.value.traceback
    assert not (tmp_path / "update.npz").exists()


def test_message_and_traceback_are_bounded(model):
    """A long message does not become a long status."""
    runtime = CallbackRuntime(None, failing(ValueError("x" * 10**6)))

    with pytest.raises(TaskFailed) as caught:
        runtime.validate(model, {})

    assert len(caught.value.message) <= limits.traceback_characters_max
    assert len(caught.value.traceback) <= limits.traceback_characters_max


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "did not return a pair"),
        ([np.ones(2)], "did not return a pair"),
        (([np.ones(2)], {"num_examples": 1}, 3), "did not return a pair"),
        ((np.ones(2), {"num_examples": 1}), "ndarray as parameters"),
        (([], {"num_examples": 1}), "as parameters"),
        (([np.array([None])], {"num_examples": 1}), "dtype object"),
        ((["text"], {"num_examples": 1}), "dtype"),
        (([[1, [2]]], {"num_examples": 1}), "failed"),
        (([np.ones(2, np.longdouble)], {"num_examples": 1}), "parameters"),
        (([np.ones(2)], None), "must be a dict"),
        (([np.ones(2)], {}), "num_examples"),
    ],
)
def test_a_wrong_answer_fails_the_task(model, tmp_path, answer, words):
    """The message says what to return."""
    runtime = CallbackRuntime(lambda *_: answer, None)

    with pytest.raises(TaskFailed, match=words):
        runtime.train(model, tmp_path / "update.npz", {})


def test_cancel_ends_a_running_task(model):
    """A function that loops in Python is interrupted, and its caller released."""
    begun, ended = threading.Event(), threading.Event()

    def endless(_parameters, _settings):
        begun.set()
        try:
            while True:
                pass
        finally:
            ended.set()

    runtime = CallbackRuntime(None, endless)
    canceller = threading.Thread(target=lambda: begun.wait(10) and runtime.cancel())
    canceller.start()

    with pytest.raises(TaskFailed, match="cancelled"):
        runtime.validate(model, {})

    canceller.join()
    assert ended.wait(10)


def test_a_task_after_a_cancelled_one_runs_alone(model):
    """A function that does not let go is waited for: no two run together."""
    begun, let_go = threading.Event(), threading.Event()

    def function(_parameters, settings):
        if settings["first"]:
            begun.set()
            let_go.wait(10)
        return {"first_has_ended": let_go.is_set()}

    runtime = CallbackRuntime(None, function)
    canceller = threading.Thread(target=lambda: begun.wait(10) and runtime.cancel())
    canceller.start()
    with pytest.raises(TaskFailed, match="cancelled"):
        runtime.validate(model, {"first": True})
    canceller.join()
    threading.Timer(0.1, let_go.set).start()
    runtime.begin_task()

    assert runtime.validate(model, {"first": False}) == {"first_has_ended": True}


def test_a_cancel_holds_for_its_task_alone(model):
    """Also if it comes before the function is called; it does not reach the next task."""
    runtime = CallbackRuntime(None, lambda *_: {"x": 1})

    runtime.cancel()
    with pytest.raises(TaskFailed, match="cancelled"):
        runtime.validate(model, {})
    runtime.begin_task()

    assert runtime.validate(model, {}) == {"x": 1}
