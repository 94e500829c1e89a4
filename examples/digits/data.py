"""Splits scikit-learn's handwritten digits between clients: unevenly, and not at random.

The rows of each digit go to the clients in proportions drawn from a Dirichlet distribution, as in Hsu et al. 2019
(arXiv:1909.06335): the smaller alpha is, the more the clients differ. A fifth of all rows is held out beforehand and
spread evenly.
"""

from __future__ import annotations

import argparse
import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

ALPHA = 0.5
HELD_OUT = 0.2
TRAIN_ROWS_MIN = 10

Split = dict[str, np.ndarray]


def partition(
    labels: np.ndarray,
    clients: int,
    rng: np.random.Generator,
    *,
    alpha: float = ALPHA,
    rows_min: int = TRAIN_ROWS_MIN,
) -> list[np.ndarray]:
    """Split rows between clients by Dirichlet(alpha) proportions of each label.

    Args:
        labels: The label of each row, integers, shape (rows,).
        clients: The number of clients.
        rng: The source of the proportions and of the order.
        alpha: The concentration: small for different clients, large for similar ones.
        rows_min: Clients with fewer rows get some of the largest client's.

    Returns:
        The indices of each client's rows; each row has one client.

    Raises:
        ValueError: There are too few rows for so many clients.
    """
    if clients < 1 or clients * rows_min > len(labels):
        raise ValueError(
            f"Cannot split {len(labels)} rows between {clients} clients: use fewer clients."
        )
    parts: list[list[int]] = [[] for _ in range(clients)]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        shares = rng.dirichlet(np.full(clients, alpha))
        borders = (np.cumsum(shares)[:-1] * len(rows)).astype(int)
        for part, dealt in zip(parts, np.split(rows, borders), strict=True):
            part.extend(dealt.tolist())
    _level_up(parts, rows_min)
    return [np.array(part, dtype=int) for part in parts]


def _level_up(parts: list[list[int]], rows_min: int) -> None:
    for part in parts:
        while len(part) < rows_min:
            part.append(max(parts, key=len).pop())


def _digits() -> np.ndarray:
    """Return scikit-learn's digits: 64 pixels from 0 to 16 and the label, float64, shape (1797, 65).

    They are read from their file, as by `load_digits`: importing scikit-learn takes longer than starting a network.
    """
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("No module named 'sklearn'", name="sklearn")
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(file, "rt") as lines:
        return np.array([line.split(",") for line in lines], dtype=np.float64)


def split(clients: int, seed: int = 0, *, alpha: float = ALPHA) -> list[Split]:
    """Return the data of each client.

    Args:
        clients: The number of clients.
        seed: The seed of the split.
        alpha: The similarity of the clients; see `partition`.

    Returns:
        For each client `x_train` and `x_test`, float32 in [0, 1], shape (rows, 64), and `y_train`
        and `y_test`, int64 in 0..9, shape (rows,). The test rows are never used for training.
    """
    rows = _digits()
    x = (rows[:, :-1] / 16).astype(np.float32)
    y = rows[:, -1].astype(np.int64)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    held_out, rest = np.split(order, [int(HELD_OUT * len(y))])
    train_parts = [rest[rows] for rows in partition(y[rest], clients, rng, alpha=alpha)]
    test_parts = np.array_split(held_out, clients)
    return [
        {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}
        for train, test in zip(train_parts, test_parts, strict=True)
    ]


def write(folder: Path, clients: int, seed: int = 0, *, alpha: float = ALPHA) -> list[Path]:
    """Write each client's data to `client-<number>.npz` in the folder, counted from 1; see `split`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"client-{number}.npz" for number in range(1, clients + 1)]
    for path, arrays in zip(paths, split(clients, seed, alpha=alpha), strict=True):
        np.savez(path, **arrays)
    return paths


def main() -> None:
    """Write the files, and print the number of rows of each client."""
    parser = argparse.ArgumentParser(description="Split the digits between clients.")
    parser.add_argument("--clients", type=int, default=5, help="how many clients (5)")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the files")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the split (0)")
    arguments = parser.parse_args()
    for path in write(arguments.out, arguments.clients, arguments.seed):
        with np.load(path) as data:
            print(f"{path}: {len(data['y_train'])} to train on, {len(data['y_test'])} held out")


if __name__ == "__main__":
    main()
