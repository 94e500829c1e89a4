"""A small network for the digits, 64-32-10 with ReLU and softmax, in NumPy: 2,410 parameters.

The parameters are a list of float32 arrays: W1 (64, 32), b1 (32,), W2 (32, 10), b2 (10,).
"""

from __future__ import annotations

import os
from pathlib import Path

# The arrays are small: more threads would cost time. NumPy reads the variables when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

INPUTS, HIDDEN, OUTPUTS = 64, 32, 10

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


def load(path: Path) -> Parameters:
    """Read parameters from an npz file whose keys are "0", "1" and so on."""
    with np.load(path) as arrays:
        return [arrays[str(index)] for index in range(len(arrays.files))]


def save(path: Path, parameters: Parameters) -> None:
    """Write parameters to an npz file whose keys are "0", "1" and so on."""
    with Path(path).open("wb") as file:
        np.savez(file, **{str(index): array for index, array in enumerate(parameters)})


def load_data() -> dict[str, np.ndarray]:
    """Return this client's data, from the file in DIGITS_DATA."""
    path = os.environ.get("DIGITS_DATA")
    if not path:
        raise SystemExit("Set DIGITS_DATA to the npz file of this client; data.py writes it.")
    with np.load(path) as arrays:
        return dict(arrays)
