"""The accuracy and the loss of each aggregator while clients send false updates, beside an undisturbed run.

    python benchmarks/robustness.py                    # the tables of docs/robustness.md
    python benchmarks/robustness.py --seeds 1 krum     # some of them only
    python benchmarks/robustness.py --json

Clients train a logistic regression on scikit-learn's digits, each on rows of its own, in this process. Their updates go
through the aggregators as combiners use them; nothing travels.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

import numpy as np
from sklearn.datasets import load_digits

from fednet.aggregation import Aggregator, aggregator
from fednet.parameters import Structure

DIGITS, PIXELS, PIXEL_MAX = 10, 64, 16
HELD_OUT_SHARE: Final = 0.25
ROUNDS, EPOCHS, BATCH_ROWS, LEARNING_RATE = 30, 1, 32, 0.3
HOSTILE: Final = 3
ATTACKS: Final[Mapping[str, float]] = {
    "none": 1.0,
    "sign-flipped": -1.0,
    "sign-flipped, 5 times as long": -5.0,
    "scaled by 100": 100.0,
}
"""The factor by which a hostile client multiplies the difference that it has trained."""

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Defence:
    """An aggregator with its settings.

    Attributes:
        name: The aggregator's name.
        settings: Its settings for three hostile clients.
        clients: The number of clients; Bulyan's proof needs 4 * 3 + 3.
    """

    name: str
    settings: Mapping[str, Any]
    clients: int = 10

    @property
    def aggregator(self) -> Aggregator:
        """The aggregator itself."""
        return aggregator(self.name, self.settings)


DEFENCES: Final = (
    Defence("fedavg", {}),
    Defence("fedavgm", {"momentum": 0.5}),
    Defence("fedopt", {"learning_rate": 0.03}),
    Defence("fedmedian", {}),
    Defence("fedtrimmedavg", {"beta": 0.3}),
    Defence("geometric_median", {}),
    Defence("krum", {"byzantine": HOSTILE}),
    Defence("multikrum", {"byzantine": HOSTILE}),
    Defence("bulyan", {"byzantine": HOSTILE}, clients=15),
)


@dataclass(frozen=True)
class Rows:
    """Some rows of the digits: pixels from 0 to 1, float64 (n, 64), and digits, int64 (n,)."""

    pixels: _Array
    digits: _Array


def digits(clients: int, seed: int) -> tuple[list[Rows], Rows]:
    """Return the rows of each client and the held-out rows, shuffled by a seed."""
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(labels))
    pixels, labels = pixels[order] / PIXEL_MAX, labels[order]
    held_out = int(HELD_OUT_SHARE * len(labels))
    shares = np.array_split(np.arange(held_out, len(labels)), clients)
    return [Rows(pixels[share], labels[share]) for share in shares], Rows(
        pixels[:held_out], labels[:held_out]
    )


def trained(model: Sequence[_Array], rows: Rows, rng: np.random.Generator) -> list[_Array]:
    """Return the model after some epochs of stochastic gradient descent: weights (64, 10) and biases (10,)."""
    weights, biases = (array.astype(np.float64) for array in model)
    for _ in range(EPOCHS):
        order = rng.permutation(len(rows.digits))
        for start in range(0, len(order), BATCH_ROWS):
            batch = order[start : start + BATCH_ROWS]
            x = rows.pixels[batch]
            error = _probabilities(weights, biases, x)
            error[np.arange(len(batch)), rows.digits[batch]] -= 1
            weights -= LEARNING_RATE * x.T @ error / len(batch)
            biases -= LEARNING_RATE * error.mean(0)
    return [weights.astype(np.float32), biases.astype(np.float32)]


@dataclass(frozen=True)
class Measured:
    """The quality of a model on the held-out rows.

    Attributes:
        accuracy: The share of rows whose digit it finds.
        loss: The mean cross-entropy, in nats; the probability of a digit counts as at least 1e-300.
    """

    accuracy: float
    loss: float


def measured(model: Sequence[_Array], rows: Rows) -> Measured:
    """Measure a model."""
    weights, biases = (array.astype(np.float64) for array in model)
    probabilities = _probabilities(weights, biases, rows.pixels)
    right = probabilities[np.arange(len(rows.digits)), rows.digits]
    found = probabilities.argmax(1) == rows.digits
    return Measured(float(found.mean()), float(-np.log(np.maximum(right, 1e-300)).mean()))


def run(defence: Defence, factor: float, seed: int, rounds: int = ROUNDS) -> Measured:
    """Train for some rounds, in which the first clients are hostile; measure the last model."""
    clients, held_out = digits(defence.clients, seed)
    rng = np.random.default_rng(seed)
    model: list[_Array] = [np.zeros((PIXELS, DIGITS), np.float32), np.zeros(DIGITS, np.float32)]
    state: list[_Array] | None = None
    for _ in range(rounds):
        partial = defence.aggregator.partial(Structure.of(model))
        for number, rows in enumerate(clients):
            update = trained(model, rows, rng)
            if number < HOSTILE:
                update = [
                    before + np.float32(factor) * (after - before)
                    for before, after in zip(model, update, strict=True)
                ]
            partial.accumulate(update, float(len(rows.digits)))
        moments = partial.advance(model, state)
        state = None if moments is None else [array.copy() for array in moments]
        model = [array.copy() for array in partial.finish(model, state)]
    return measured(model, held_out)


def _probabilities(weights: _Array, biases: _Array, x: _Array) -> _Array:
    scores = x @ weights + biases
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def main() -> None:
    """Measure, and print a table or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [defence.name for defence in DEFENCES]
    parser.add_argument("names", nargs="*", metavar="NAME", help="aggregators; by default all")
    parser.add_argument("--seeds", type=int, default=5, help="runs whose mean is shown")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if unknown := set(arguments.names).difference(names):
        parser.error(f"no such aggregator here: {', '.join(sorted(unknown))}")
    report = {
        defence.name: {
            attack: mean_of([run(defence, factor, seed) for seed in range(arguments.seeds)])
            for attack, factor in ATTACKS.items()
        }
        for defence in DEFENCES
        if not arguments.names or defence.name in arguments.names
    }
    print(json.dumps(report, default=vars) if arguments.json else _table(report))


def mean_of(runs: Sequence[Measured]) -> Measured:
    """Return the mean of some runs."""
    return Measured(fmean(each.accuracy for each in runs), fmean(each.loss for each in runs))


def _table(report: Mapping[str, Mapping[str, Measured]]) -> str:
    """Return the table of a page: accuracies in percent, and losses in brackets."""
    lines = ["| aggregator | " + " | ".join(ATTACKS) + " |", "|---" * (len(ATTACKS) + 1) + "|"]
    for name, found in report.items():
        cells = [f"{100 * each.accuracy:.1f} ({each.loss:.3g})" for each in found.values()]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
