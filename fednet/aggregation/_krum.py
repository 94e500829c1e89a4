"""Rules that trust updates that are near to many others: Krum, Multi-Krum and Bulyan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fednet import limits
from fednet.aggregation._coordinates import median_of_sorted
from fednet.aggregation._distances import precedes, squared_distances
from fednet.aggregation._keeping import Keeping
from fednet.aggregation._settings import Limits, setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fednet.aggregation._kept_updates import Update

_Array = np.ndarray[Any, Any]

_BYZANTINE = Limits(
    int,
    "f, the number of clients that may send arbitrary updates",
    least=0,
    most=(limits.kept_updates_max - 3) // 4,
)


@dataclass(frozen=True)
class Krum(Keeping):
    """The update that is nearest to its neighbours.

    Blanchard, El Mhamdi, Guerraoui and Stainer, "Machine Learning with Adversaries: Byzantine
    Tolerant Gradient Descent", NeurIPS 2017 (extended in arXiv:1703.02757): an update's score is
    the sum of its squared distances to the n - f - 2 nearest other updates, of n; the smallest score
    wins. It needs n >= 2 f + 3. Examples do not count. Of two equal scores, the update whose first
    differing number is smaller wins.
    """

    byzantine: int = setting(1, _BYZANTINE)

    name: ClassVar[str] = "krum"
    is_mean: ClassVar[bool] = True

    @property
    def updates_min(self) -> int:
        """The number of updates that the proof needs."""
        return 2 * self.byzantine + 3

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """Return the winner."""
        best, *_ = _best_first(updates, squared_distances(updates), self.byzantine)
        return [updates[best]]

    def combine(self, numbers: _Array, weights: _Array) -> _Array:  # noqa: ARG002  there is one
        """Return the winner's numbers."""
        return np.asarray(numbers[0])


@dataclass(frozen=True)
class MultiKrum(Keeping):
    """The mean of the updates that are nearest to their neighbours, whatever their examples.

    Blanchard, El Mhamdi, Guerraoui and Stainer, "Machine Learning with Adversaries: Byzantine
    Tolerant Gradient Descent", NeurIPS 2017 (extended in arXiv:1703.02757): the mean of the m updates
    with the best scores of Krum.
    """

    byzantine: int = setting(1, _BYZANTINE)
    selected: int | None = setting(
        None,
        Limits(
            int,
            "m, the number of updates in the mean; by default n - f",
            least=1,
            most=limits.kept_updates_max,
            is_optional=True,
        ),
    )

    name: ClassVar[str] = "multikrum"
    is_mean: ClassVar[bool] = True

    @property
    def updates_min(self) -> int:
        """The number of updates that the proof and the mean need."""
        return max(2 * self.byzantine + 3, self.selected or 0)

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """Return the updates with the best scores, all of one weight."""
        count = self.selected or len(updates) - self.byzantine
        ranking = _best_first(updates, squared_distances(updates), self.byzantine)
        return [replace(updates[place], weight=1.0) for place in ranking[:count]]

    def combine(self, numbers: _Array, weights: _Array) -> _Array:  # noqa: ARG002  all count alike
        """Return the mean of each column."""
        return np.asarray(numbers.mean(0))


@dataclass(frozen=True)
class Bulyan(Keeping):
    """The mean of the values near the median, of updates that Krum chooses one after the other.

    El Mhamdi, Guerraoui and Rouault, "The Hidden Vulnerability of Distributed Learning in
    Byzantium", ICML 2018, arXiv:1802.07927: of n updates the winner of Krum is removed and
    chosen, n - 2 f times; then each parameter becomes the mean of its n - 4 f chosen values nearest
    to their median, of equally near values the smaller one. It needs n >= 4 f + 3. Examples do
    not count. If too few updates are left for n - f - 2 neighbours, Krum uses one neighbour.
    """

    byzantine: int = setting(1, _BYZANTINE)

    name: ClassVar[str] = "bulyan"

    @property
    def updates_min(self) -> int:
        """The number of updates that the proof needs."""
        return 4 * self.byzantine + 3

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """Return the updates that Krum chooses one after the other."""
        squares, left, chosen = squared_distances(updates), list(updates), []
        for _ in range(len(updates) - 2 * self.byzantine):
            best, *_ = _best_first(left, squares, self.byzantine)
            chosen.append(left.pop(best))
            squares = np.delete(np.delete(squares, best, 0), best, 1)
        return chosen

    def combine(self, numbers: _Array, weights: _Array) -> _Array:  # noqa: ARG002  all count alike
        """Return the mean of the values nearest to the median in each column."""
        numbers.sort(0)
        distances = np.abs(numbers - median_of_sorted(numbers))
        nearest = np.argsort(distances, 0, kind="stable")[: len(numbers) - 2 * self.byzantine]
        return np.asarray(np.take_along_axis(numbers, nearest, 0).mean(0))


def _best_first(updates: Sequence[Update], squares: _Array, byzantine: int) -> list[int]:
    """Return the positions of updates by their scores, equal scores by their numbers.

    Args:
        updates: The updates.
        squares: Their squared distances.
        byzantine: f.
    """
    neighbours = max(1, len(updates) - byzantine - 2)
    scores = np.sort(squares, 1)[:, 1 : neighbours + 1].sum(
        1
    )  # the first is the distance to itself, 0

    def compare(one: int, other: int) -> int:
        if scores[one] != scores[other]:
            return -1 if scores[one] < scores[other] else 1
        if precedes(updates[one], updates[other]):
            return -1
        return 1 if precedes(updates[other], updates[one]) else 0

    return sorted(range(len(updates)), key=cmp_to_key(compare))
