"""The digits' compute package: what it learns, and what a task costs."""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fednet.client.runtime import PackageRuntime
from fednet.errors import TaskFailed
from fednet.examples import digits
from fednet.examples.digits import data
from fednet.packages import create_package, unpack_package
from fednet.parameters import load_parameters, open_model

PACKAGE = Path(digits.__file__).parent / "client"
CLIENTS = 5


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The package as a client runs it, with the first client's data."""
    monkeypatch.setenv("DIGITS_DATA", str(data.write(tmp_path / "data", CLIENTS)[0]))
    create_package(PACKAGE, tmp_path / "package.tgz")
    manifest = unpack_package(tmp_path / "package.tgz", tmp_path / "package")
    made = PackageRuntime(tmp_path / "package", manifest, tmp_path / "work", 30)
    yield made
    made.close()


@pytest.fixture
def seed(code, tmp_path):
    """The file of the first model."""
    code[0].save(tmp_path / "seed.npz", code[0].initial())
    return tmp_path / "seed.npz"


def test_ten_rounds_reach_95_percent_over_several_splits(federated_accuracy):
    """On average over the seeds, and with seed 0, the demo's; on none less than the 93 % that the demo asks for.

    The seeds are the first five, not chosen. With 359 held-out rows one split's accuracy has a
    standard error of about one point.
    """
    accuracies = [federated_accuracy(seed) for seed in range(5)]

    assert np.mean(accuracies) >= 0.95
    assert min(accuracies) >= 0.93
    assert accuracies[0] >= 0.95


def test_gradients_are_those_of_the_loss(code):
    """Compared with differences of the loss, in float64."""
    model, _, validate = code
    rng = np.random.default_rng(0)
    x, y = rng.random((6, 64)), rng.integers(0, 10, 6)
    parameters = [array.astype(float) for array in model.initial()]
    computed = model.gradients(parameters, x, y)

    for array, gradient in zip(parameters, computed, strict=True):
        index = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        losses = []
        for step in (1e-6, -2e-6):
            array[index] += step
            losses.append(validate.evaluate(parameters, x, y)["loss"])
        array[index] += 1e-6
        assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4)


def test_the_first_model_has_2410_parameters(seed):
    """And is a valid model file."""
    with open_model(seed) as model:
        assert model.structure.size == 2410


def test_build_writes_the_first_model(seed, tmp_path):
    """The entry point and the function give the same arrays."""
    command = [sys.executable, str(PACKAGE / "build.py"), str(tmp_path / "b.npz")]
    subprocess.run(command, check=True)

    pairs = zip(load_parameters(tmp_path / "b.npz"), load_parameters(seed), strict=True)
    assert all(np.array_equal(built, first) for built, first in pairs)


def test_training_is_the_same_each_time(runtime, seed, tmp_path):
    """And says how many examples it used."""
    metadata = runtime.train(seed, tmp_path / "a.npz", {})
    runtime.train(seed, tmp_path / "b.npz", {})

    first_update, second_update = (load_parameters(tmp_path / name) for name in ("a.npz", "b.npz"))
    pairs = zip(first_update, second_update, strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)
    assert metadata == {"num_examples": len(data.split(CLIENTS)[0]["y_train"])}


def test_validation_reports_accuracy_loss_and_rows(runtime, seed):
    """On this client's share of the held-out rows."""
    metrics = runtime.validate(seed, {})

    assert set(metrics) == {"accuracy", "loss", "num_examples"}
    assert metrics["num_examples"] == len(data.split(CLIENTS)[0]["y_test"])


def test_a_client_without_data_is_told_what_to_set(runtime, seed, tmp_path, monkeypatch):
    """The output of the command comes with the failure."""
    monkeypatch.delenv("DIGITS_DATA")

    with pytest.raises(TaskFailed) as caught:
        runtime.train(seed, tmp_path / "a.npz", {})

    assert "Set DIGITS_DATA" in caught.value.traceback


def cpu_seconds_of_children(work):
    """What the child processes of a piece of work cost, in seconds of CPU."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_training_task_costs_little_more_than_an_interpreter_with_numpy(runtime, seed, tmp_path):
    """Shell, interpreter, imports and training together."""
    runtime.train(seed, tmp_path / "first.npz", {})
    bare = [sys.executable, "-c", "import numpy"]

    floor = cpu_seconds_of_children(lambda: subprocess.run(bare, check=True))
    cost = cpu_seconds_of_children(lambda: runtime.train(seed, tmp_path / "a.npz", {}))

    assert cost < 5 * floor
