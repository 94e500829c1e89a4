"""Rules for each parameter by itself: the median, and the mean without the extremes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fednet.aggregation._keeping import Keeping
from fednet.aggregation._settings import Limits, setting

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class FedMedian(Keeping):
    """The median of each parameter over all updates, whatever their examples.

    Yin, Chen, Ramchandran and Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal
    Statistical Rates", ICML 2018, arXiv:1803.01498, definition 1. Of an even number of updates it
    is the mean of the two in the middle. It stays near the honest updates as long as they are the majority.
    """

    name: ClassVar[str] = "fedmedian"

    def combine(self, numbers: _Array, weights: _Array) -> _Array:  # noqa: ARG002  all count alike
        """Return the median of each column."""
        return median_of_columns(numbers)


@dataclass(frozen=True)
class FedTrimmedAvg(Keeping):
    """The mean of each parameter without its smallest and largest values, whatever the examples.

    Yin, Chen, Ramchandran and Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal
    Statistical Rates", ICML 2018, arXiv:1803.01498, definition 2: of n values, the largest and the
    smallest beta * n are left out, rounded down. It needs enough updates to leave out one at each end; with
    fewer it would be a plain mean.
    """

    beta: float = setting(
        0.2,
        Limits(
            float,
            "the share of the values that is left out at each end",
            least=0.002,  # one of limits.kept_updates_max
            below=0.5,
        ),
    )

    name: ClassVar[str] = "fedtrimmedavg"

    @property
    def updates_min(self) -> int:
        """The smallest number of updates of which one is left out at each end."""
        return next(n for n in range(math.floor(1 / self.beta), 1 << 20) if self._trimmed(n))

    def combine(self, numbers: _Array, weights: _Array) -> _Array:  # noqa: ARG002  all count alike
        """Return the trimmed mean of each column."""
        left_out = self._trimmed(len(numbers))
        kept = _sorted(numbers)[left_out : len(numbers) - left_out]
        return np.asarray(kept.mean(0))

    def _trimmed(self, updates: int) -> int:
        # 0.29 * 100 is a little less than 29 in binary.
        return math.floor(self.beta * updates + 1e-9)


def median_of_columns(numbers: _Array) -> _Array:
    """Return the median of each column of a matrix."""
    return median_of_sorted(_sorted(numbers))


def median_of_sorted(numbers: _Array) -> _Array:
    """Return the median of each column of a matrix whose columns are sorted."""
    count = len(numbers)
    return np.asarray(numbers[(count - 1) // 2] / 2 + numbers[count // 2] / 2)


def _sorted(numbers: _Array) -> _Array:
    """Return the columns in ascending order; sort them as rows, because a row is contiguous in memory."""
    return np.sort(np.ascontiguousarray(numbers.T), axis=1).T
