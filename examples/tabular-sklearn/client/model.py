"""Logistic regression between hospitals with the same measurements and different patients.

The parameters are four float64 arrays: the coefficients (30,), the intercept (1,), and the mean (30,) and the mean
square (30,) of each measurement. The last two give all hospitals the same scale: each hospital reports its own values,
their average by examples is exactly that of all patients, and from the second round on every hospital scales by it.
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
    """Return a model of zeros, without the scale of the measurements."""
    return [np.zeros(FEATURES), np.zeros(1), np.zeros(FEATURES), np.zeros(FEATURES)]


class Hospital:
    """The code of one hospital; it reads its data once."""

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
        """Train for a few epochs by stochastic gradient descent; in the first round, compute only the scale."""
        del settings
        x, y = self.data["x_train"], self.data["y_train"]
        coefficients, intercept, _, square = parameters
        if square.any():
            coefficients, intercept = descend(parameters, x, y)
        update = [coefficients, intercept, x.mean(axis=0), (x**2).mean(axis=0)]
        return update, {"num_examples": len(y)}

    def validate(self, parameters: Parameters, settings: dict[str, Any]) -> dict[str, Any]:
        """Evaluate a model on this hospital's held-out patients."""
        del settings
        x, y = self.data["x_test"], self.data["y_test"]
        probability = predict(parameters, x)
        return {
            "accuracy": float(np.mean((probability > 0.5) == y)),  # noqa: PLR2004 (the likelier)
            "loss": float(log_loss(y, probability, labels=[0, 1])),
            "num_examples": len(y),
        }


def descend(parameters: Parameters, x: np.ndarray, y: np.ndarray) -> Parameters:
    """Return the coefficients and the intercept after a few epochs."""
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
    """Return the probability that each tumour is benign."""
    coefficients, intercept, *_ = parameters
    return 1 / (1 + np.exp(-(scaled(parameters, x) @ coefficients + intercept)))


def scaled(parameters: Parameters, x: np.ndarray) -> np.ndarray:
    """Return the measurements with mean 0 and deviation 1 over all hospitals."""
    *_, mean, square = parameters
    deviation = np.sqrt(np.maximum(square - mean**2, 0))
    return (x - mean) / np.where(deviation > 0, deviation, 1)
