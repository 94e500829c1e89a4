"""Trains on this client's digits: `python train.py <model> <update>`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from model import Parameters, gradients, load, load_data, np, save

EPOCHS = 5
BATCH_ROWS = 16
LEARNING_RATE = 0.1
MOMENTUM = 0.9


def train(parameters: Parameters, x: np.ndarray, y: np.ndarray, seed: int = 0) -> Parameters:
    """Train for a few epochs by stochastic gradient descent with momentum; equal seeds give equal results."""
    rng = np.random.default_rng(seed)
    velocities = [np.zeros_like(array) for array in parameters]
    for _ in range(EPOCHS):
        order = rng.permutation(len(y))
        for start in range(0, len(y), BATCH_ROWS):
            rows = order[start : start + BATCH_ROWS]
            steps = gradients(parameters, x[rows], y[rows])
            velocities = [
                MOMENTUM * velocity - LEARNING_RATE * step
                for velocity, step in zip(velocities, steps, strict=True)
            ]
            parameters = [
                array + velocity for array, velocity in zip(parameters, velocities, strict=True)
            ]
    return parameters


def main(model_path: Path, update_path: Path) -> None:
    """Read the model, train it, and write the update and its metadata."""
    data = load_data()
    update = train(load(model_path), data["x_train"], data["y_train"])
    save(update_path, update)
    metadata = {"num_examples": len(data["y_train"])}
    Path(f"{update_path}-metadata").write_text(json.dumps(metadata), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
