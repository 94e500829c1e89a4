"""Evaluates a model on this client's held-out digits: `python validate.py <model> <metrics>`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from model import Parameters, forward, load, load_data, np


def evaluate(parameters: Parameters, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the accuracy, the mean cross-entropy and the number of rows."""
    _, probabilities = forward(parameters, x)
    of_truth = probabilities[np.arange(len(y)), y]
    return {
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == y)),
        "loss": float(-np.mean(np.log(np.maximum(of_truth, 1e-12)))),
        "num_examples": len(y),
    }


def main(model_path: Path, metrics_path: Path) -> None:
    """Read the model and write its metrics."""
    data = load_data()
    metrics = evaluate(load(model_path), data["x_test"], data["y_test"])
    metrics_path.write_text(json.dumps(metrics), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
