"""The geometric median of all updates: the model with the smallest sum of distances to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from fednet.aggregation._coordinates import median_of_columns
from fednet.aggregation._keeping import Keeping
from fednet.aggregation._kept_updates import Update, walk
from fednet.aggregation._settings import Limits, setting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Array = np.ndarray[Any, Any]

_NUMBER_MAX: Final = 1e140  # so that sums of squares stay finite
_SHARES_MOVED_MIN: Final = 1e-9


@dataclass(frozen=True)
class GeometricMedian(Keeping):
    """The geometric median of the updates, weighted by their examples.

    Pillutla, Kakade and Harchaoui, "Robust Aggregation for Federated Learning", IEEE Transactions
    on Signal Processing 70, 2022, arXiv:1912.13445, algorithm 2 (the smoothed Weiszfeld algorithm):
    each iteration weighs update k by its examples over its distance to the current point, at least
    `smoothing`, and moves to the mean under these weights. It begins with the median of each
    parameter, which no minority controls. It stays near the honest updates as long as they have more than half
    of all examples. Numbers beyond ±1e140 count as ±1e140.

    Every intermediate point is a weighted mean of the updates; only its weights are kept in memory. Each iteration
    reads all updates once.
    """

    iterations: int = setting(
        100,
        Limits(
            int,
            "the largest number of iterations; it stops earlier when the point no longer moves",
            least=1,
            most=10_000,
        ),
    )
    smoothing: float = setting(
        1e-6,
        Limits(
            float,
            "the smallest distance to divide by, in the units of the parameters",
            least=1e-12,
            most=1e6,
        ),
    )

    name: ClassVar[str] = "geometric_median"
    is_mean: ClassVar[bool] = True

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """Return all updates, each with its share in the median."""
        examples = np.array([update.weight for update in updates])
        shares = self._pulled(examples, _distances(updates, median_of_columns))
        for _ in range(self.iterations - 1):
            before, shares = shares, self._moved(updates, examples, shares)
            if np.abs(shares - before).max() <= _SHARES_MOVED_MIN:
                break
        return [
            Update(update.arrays, share)
            for update, share in zip(updates, shares.tolist(), strict=True)
        ]

    def combine(self, numbers: _Array, weights: _Array) -> _Array:
        """Return the mean, weighted by the shares."""
        return np.asarray(weights @ _bounded(numbers))

    def _moved(self, updates: Sequence[Update], examples: _Array, shares: _Array) -> _Array:
        """Return the shares after one iteration."""
        return self._pulled(examples, _distances(updates, lambda numbers: shares @ numbers))

    def _pulled(self, examples: _Array, distances: _Array) -> _Array:
        pulls = examples / np.maximum(distances, self.smoothing)
        return np.asarray(pulls / pulls.sum())


def _distances(updates: Sequence[Update], point: Callable[[_Array], _Array]) -> _Array:
    """Return the distance of each update to a point, which is computed column by column."""
    squares = np.zeros(len(updates))
    for position in range(len(updates[0].arrays)):
        for (numbers,) in walk(updates, position):
            bounded = _bounded(numbers)
            bounded -= point(bounded)
            squares += np.einsum("ij,ij->i", bounded, bounded)
    return np.sqrt(squares)


def _bounded(numbers: _Array) -> _Array:
    return np.clip(numbers, -_NUMBER_MAX, _NUMBER_MAX, out=numbers)
