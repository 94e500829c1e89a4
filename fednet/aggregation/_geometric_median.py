"""The geometric median of all updates: the model whose distances to them add up to the least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from fednet.aggregation._distances import squared_distances
from fednet.aggregation._keeping import Keeping
from fednet.aggregation._kept_updates import Update
from fednet.aggregation._settings import Limits, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

_Array = np.ndarray[Any, Any]

_SQUARE_MAX: Final = 1e300  # so that sums of them are still numbers
_SHARES_MOVED_MIN: Final = 1e-12


@dataclass(frozen=True)
class GeometricMedian(Keeping):
    """The geometric median of the updates, weighted by their examples.

    Pillutla, Kakade and Harchaoui, "Robust Aggregation for Federated Learning", IEEE Transactions
    on Signal Processing 70, 2022, arXiv:1912.13445, algorithm 2 (the smoothed Weiszfeld algorithm):
    beginning with the weighted mean, each round weighs update k by its examples over its distance
    to the present point, no less than `smoothing`, and moves to the mean under these weights. It
    stays near the honest as long as they have more than half of all examples.

    Every such point is a mean of updates. So all distances follow from those between the updates,
    and the iterations never touch a parameter: with shares c and squared distances D, the squared
    distance to update k is (D c)_k - c·D c / 2.
    """

    iterations: int = setting(
        1000,
        Limits(
            int,
            "the number of iterations at the most; it stops before when it stands still",
            least=1,
            most=100_000,
        ),
    )
    smoothing: float = setting(
        1e-6,
        Limits(
            float,
            "the smallest distance that is divided by, in the units of the parameters",
            least=1e-12,
            most=1e6,
        ),
    )

    name: ClassVar[str] = "geometric_median"

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """All of them, each with its share in the median."""
        examples = np.array([update.weight for update in updates])
        shares = self._shares(squared_distances(updates), examples / examples.sum())
        return [
            Update(update.arrays, share)
            for update, share in zip(updates, shares.tolist(), strict=True)
        ]

    def combine(self, numbers: _Array, weights: _Array) -> _Array:
        """The mean under the shares."""
        return np.asarray(weights @ numbers)

    def _shares(self, squares: _Array, examples: _Array) -> _Array:
        squares = np.minimum(squares, _SQUARE_MAX)
        shares = examples
        for _ in range(self.iterations):
            before, shares = shares, self._pulled(squares, examples, shares)
            if np.abs(shares - before).max() <= _SHARES_MOVED_MIN:
                break
        return shares

    def _pulled(self, squares: _Array, examples: _Array, shares: _Array) -> _Array:
        """The shares after one iteration."""
        to_each = squares @ shares
        distances = np.sqrt(np.maximum(to_each - shares @ to_each / 2, 0))
        pulled = examples / np.maximum(distances, self.smoothing)
        return np.asarray(pulled / pulled.sum())
