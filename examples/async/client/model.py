"""A small network for the digits, 64-32-10 with ReLU and softmax, on machines of different speed.

The parameters are float32 arrays: W1 (64, 32), b1 (32,), W2 (32, 10), b2 (10,).
"""

from __future__ import annotations

import os
import threading
from typing import Any

# The arrays are small: more threads would cost time. NumPy reads the variables when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

STEPS = 90
BATCH_ROWS = 32
LEARNING_RATE = 0.1
MOMENTUM = 0.9
SECONDS_PER_STEP = 0.004  # on a machine of slowness 1

Parameters = list[np.ndarray]


def initial(seed: int = 0) -> Parameters:
    """Return random parameters, with the spread of He et al. 2015 (arXiv:1502.01852)."""
    rng = np.random.default_rng(seed)
    w1 = rng.normal(0, np.sqrt(2 / 64), (64, 32))
    w2 = rng.normal(0, np.sqrt(2 / 32), (32, 10))
    return [array.astype(np.float32) for array in (w1, np.zeros(32), w2, np.zeros(10))]


def forward(parameters: Parameters, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the hidden layer (rows, 32) and the probability of each digit (rows, 10)."""
    w1, b1, w2, b2 = parameters
    hidden = np.maximum(x @ w1 + b1, 0)
    scores = hidden @ w2 + b2
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, exponentials / exponentials.sum(axis=1, keepdims=True)


def gradients(parameters: Parameters, x: np.ndarray, y: np.ndarray) -> Parameters:
    """Return the gradients of the mean cross-entropy, in the parameters' order."""
    hidden, error = forward(parameters, x)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    hidden_error = (error @ parameters[2].T) * (hidden > 0)
    return [x.T @ hidden_error, hidden_error.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


class Client:
    """The code of one client; it reads its data once.

    Args:
        path: The npz file of its digits; by default DIGITS_DATA.
        slowness: The factor by which its machine is slower than others; by default SLOWNESS.
    """

    def __init__(self, path: str | None = None, slowness: float | None = None) -> None:
        path = path or os.environ.get("DIGITS_DATA")
        if not path:
            raise SystemExit("Set DIGITS_DATA to this client's npz file.")
        with np.load(path) as arrays:
            self.data = dict(arrays)
        slowness = slowness or float(os.environ.get("SLOWNESS", "1"))
        self._step_seconds = SECONDS_PER_STEP * slowness
        self._never = threading.Event()
        self._rng = np.random.default_rng(0)

    def train(
        self, parameters: Parameters, settings: dict[str, Any]
    ) -> tuple[Parameters, dict[str, Any]]:
        """Train by stochastic gradient descent, the same number of steps on every client, on random rows."""
        del settings
        x, y = self.data["x_train"], self.data["y_train"]
        velocities = [np.zeros_like(array) for array in parameters]
        for _ in range(STEPS):
            rows = self._rng.choice(len(y), BATCH_ROWS)
            steps = gradients(parameters, x[rows], y[rows])
            velocities = [
                MOMENTUM * velocity - LEARNING_RATE * step
                for velocity, step in zip(velocities, steps, strict=True)
            ]
            parameters = [
                array + velocity for array, velocity in zip(parameters, velocities, strict=True)
            ]
            self._never.wait(self._step_seconds)
        return parameters, {"num_examples": len(y)}

    def validate(self, parameters: Parameters, settings: dict[str, Any]) -> dict[str, Any]:
        """Evaluate a model on this client's share of the held-out digits."""
        del settings
        x, y = self.data["x_test"], self.data["y_test"]
        _, probabilities = forward(parameters, x)
        right = probabilities.argmax(axis=1) == y
        return {"accuracy": float(np.mean(right)), "num_examples": len(y)}
