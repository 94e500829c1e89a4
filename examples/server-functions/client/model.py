"""A client for the digits, which trains at the learning rate of the server functions.

The model is that of the example `digits`, 64-32-10 in NumPy: W1 (64, 32), b1 (32,), W2 (32, 10),
b2 (10,), float32.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

INPUTS, HIDDEN, OUTPUTS = 64, 32, 10
EPOCHS = 5
BATCH_ROWS = 16
MOMENTUM = 0.9

Parameters = list[np.ndarray]


def initial(seed: int = 0) -> Parameters:
    """Return random parameters, with the spread of He et al. 2015 (arXiv:1502.01852)."""
    rng = np.random.default_rng(seed)
    w1 = rng.normal(0, np.sqrt(2 / INPUTS), (INPUTS, HIDDEN))
    w2 = rng.normal(0, np.sqrt(2 / HIDDEN), (HIDDEN, OUTPUTS))
    arrays = [w1, np.zeros(HIDDEN), w2, np.zeros(OUTPUTS)]
    return [array.astype(np.float32) for array in arrays]


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
    """The code of one client; it is created once and reads its data once."""

    def __init__(self, path: str | None = None) -> None:
        path = path or os.environ.get("DIGITS_DATA")
        if not path or not Path(path).is_file():
            raise SystemExit("Set DIGITS_DATA to the npz file of this client.")
        with np.load(path) as arrays:
            self.data = dict(arrays)

    def train(self, parameters: Parameters, settings: dict) -> tuple[Parameters, dict]:
        """Train for a few epochs by gradient descent with momentum, at the learning rate of this round."""
        x, y = self.data["x_train"], self.data["y_train"]
        rng = np.random.default_rng(settings["round"])
        velocities = [np.zeros_like(array) for array in parameters]
        for _ in range(EPOCHS):
            order = rng.permutation(len(y))
            for start in range(0, len(y), BATCH_ROWS):
                rows = order[start : start + BATCH_ROWS]
                steps = gradients(parameters, x[rows], y[rows])
                velocities = [
                    MOMENTUM * velocity - settings["learning_rate"] * step
                    for velocity, step in zip(velocities, steps, strict=True)
                ]
                parameters = [
                    array + velocity for array, velocity in zip(parameters, velocities, strict=True)
                ]
        return parameters, {"num_examples": len(y)}

    def validate(self, parameters: Parameters, _settings: dict) -> dict[str, float]:
        """Return the accuracy on this client's share of the held-out digits."""
        x, y = self.data["x_test"], self.data["y_test"]
        _, probabilities = forward(parameters, x)
        right = probabilities.argmax(axis=1) == y
        return {"accuracy": float(right.mean()), "num_examples": len(y)}
