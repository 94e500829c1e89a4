"""Splits the patients of scikit-learn's breast cancer data between five hospitals, unevenly.

The data has 569 tumours with 30 measurements each; 30 % are held out. The largest hospital gets a third of the rest,
the smallest 8 %. The first hospitals get smaller tumours, so their patients differ.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

SHARES = (0.35, 0.25, 0.20, 0.12, 0.08)
HELD_OUT = 0.3
MIXED = 0.5  # the share of patients that are assigned at random

Split = dict[str, np.ndarray]


def split(seed: int = 0) -> list[Split]:
    """Return the data of each hospital.

    Returns:
        For each hospital `x_train` and `x_test`, float64, shape (rows, 30), and `y_train` and `y_test`,
        int64, 1 for a benign tumour, shape (rows,).
    """
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    rng = np.random.default_rng(seed)
    held_out, rest = np.split(rng.permutation(len(y)), [int(HELD_OUT * len(y))])
    by_size = rest[np.argsort(x[rest, 0])]  # the first measurement is the mean radius
    is_mixed = rng.random(len(rest)) < MIXED
    dealt = np.concatenate([by_size[~is_mixed], rng.permutation(by_size[is_mixed])])
    trained = np.split(dealt, (np.cumsum(SHARES)[:-1] * len(dealt)).astype(int))
    tested = np.array_split(held_out, len(SHARES))
    return [
        {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}
        for train, test in zip(trained, tested, strict=True)
    ]


def pooled_accuracy(seed: int = 0) -> float:
    """Return the held-out accuracy of logistic regression on all data in one place."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    parts = split(seed)
    pooled = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(pooled["x_train"], pooled["y_train"])
    return float(model.score(pooled["x_test"], pooled["y_test"]))


def write(folder: Path, seed: int = 0) -> list[Path]:
    """Write each hospital's data to `hospital-<number>.npz` in the folder, counted from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = split(seed)
    paths = [folder / f"hospital-{number}.npz" for number in range(1, len(parts) + 1)]
    for path, arrays in zip(paths, parts, strict=True):
        np.savez(path, **arrays)
    return paths


def main() -> None:
    """Write the files, and print the number of patients of each hospital."""
    parser = argparse.ArgumentParser(description="Split the patients between five hospitals.")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the files")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the split (0)")
    arguments = parser.parse_args()
    for path in write(arguments.out, arguments.seed):
        with np.load(path) as data:
            benign = data["y_train"].mean()
            print(f"{path}: {len(data['y_train'])} to train on, {benign:.0%} of them benign")


if __name__ == "__main__":
    main()
