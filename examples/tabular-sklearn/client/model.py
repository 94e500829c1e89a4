"""Logistic regression between hospitals that measure the same things and have different patients.

The parameters are four float64 arrays: the coefficients (30,), the intercept (1,), and of each
measurement the mean (30,) and the mean square (30,). The last two are how all hospitals come to
measure on one scale: each reports its own, their average by examples is exactly that of all
patients, and from the second round on everybody scales by it.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

FEATURES = 30
EPOCHS = 3
LEARNING_RATE = 0.02
REGULARISATION = 1e-3

Parameters = list[np.ndarray]


def initial() -> Parameters:
    """A model that knows nothing, not even the scale of the measurements."""
    return [np.zeros(FEATURES), np.zeros(1), np.zeros(FEATURES), np.zeros(FEATURES)]


class Hospital:
    """One hospital's part: its data is read once, and stays in its process."""

    def __init__(self) -> None:
        path = os.environ.get("HOSPITAL_DATA")
        if not path:
            raise SystemExit(
                "Set HOSPITAL_DATA to this hospital's npz file; hospitals.py writes it."
            )
        with np.load(path) as arrays:
            self.data = dict(arrays)

    def train(
        self, parameters: Parameters, settings: dict[str, Any]
    ) -> tuple[Parameters, dict[str, Any]]:
        """A few epochs of stochastic gradient descent; in the first round, the scale only."""
        del settings
        x, y = self.data["x_train"], self.data["y_train"]
        coefficients, intercept, _, square = parameters
        if square.any():
            coefficients, intercept = descend(parameters, x, y)
        update = [coefficients, intercept, x.mean(axis=0), (x**2).mean(axis=0)]
        return update, {"num_examples": len(y)}

    def validate(self, parameters: Parameters, settings: dict[str, Any]) -> dict[str, Any]:
        """On this hospital's patients whom nobody trained on."""
        del settings
        x, y = self.data["x_test"], self.data["y_test"]
        probability = predict(parameters, x)
        return {
            "accuracy": float(np.mean((probability > 0.5) == y)),  # noqa: PLR2004 (the likelier)
            "loss": float(log_loss(y, probability, labels=[0, 1])),
            "num_examples": len(y),
        }


def descend(parameters: Parameters, x: np.ndarray, y: np.ndarray) -> Parameters:
    """The coefficients and the intercept after a few epochs from where they are."""
    coefficients, intercept, *_ = parameters
    descent = SGDClassifier(
        loss="log_loss",
        alpha=REGULARISATION,
        learning_rate="constant",
        eta0=LEARNING_RATE,
        max_iter=EPOCHS,
        tol=None,
        random_state=0,
    )
    descent.fit(
        scaled(parameters, x),
        y,
        coef_init=coefficients[np.newaxis],
        intercept_init=intercept,
    )
    return [descent.coef_[0], descent.intercept_]


def predict(parameters: Parameters, x: np.ndarray) -> np.ndarray:
    """The probability that each tumour is benign."""
    coefficients, intercept, *_ = parameters
    return 1 / (1 + np.exp(-(scaled(parameters, x) @ coefficients + intercept)))


def scaled(parameters: Parameters, x: np.ndarray) -> np.ndarray:
    """The measurements with mean 0 and deviation 1 over all hospitals."""
    *_, mean, square = parameters
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return (x - mean) / np.where(deviation > 0, deviation, 1)
