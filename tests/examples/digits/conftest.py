"""The code of the digits' package, and federated averaging with it."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from fednet.examples import digits
from fednet.examples.digits import data

PACKAGE = Path(digits.__file__).parent / "client"
ROUNDS, CLIENTS = 10, 5


@pytest.fixture
def code(monkeypatch):
    """The package's modules, imported as its commands import them, for this test only."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    names = ["model", "train", "validate"]
    yield [importlib.import_module(name) for name in names]
    for name in names:
        del sys.modules[name]


@pytest.fixture
def federated_accuracy(code):
    """Return a function that trains in ten rounds of federated averaging, and returns the held-out accuracy.

    The mean over the clients is weighted by examples. Another function may stand for the way of an update.
    """
    model, train, validate = code

    def run(seed, way_of=lambda update, _base: update):
        parts = data.split(CLIENTS, seed)
        weights = [len(part["y_train"]) for part in parts]
        parameters = model.initial()
        for _ in range(ROUNDS):
            trained = (train.train(parameters, part["x_train"], part["y_train"]) for part in parts)
            updates = [way_of(update, parameters) for update in trained]
            parameters = [
                np.average(arrays, axis=0, weights=weights).astype(np.float32)
                for arrays in zip(*updates, strict=True)
            ]
        metrics = [validate.evaluate(parameters, part["x_test"], part["y_test"]) for part in parts]
        rows = [each["num_examples"] for each in metrics]
        return np.average([each["accuracy"] for each in metrics], weights=rows)

    return run
