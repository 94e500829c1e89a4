"""Federated averaging with an optimiser on the server that steps towards the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fednet.aggregation._protocols import Aggregator
from fednet.aggregation._settings import Limits, check_settings, setting
from fednet.aggregation._stepped_mean import Optimizer, SteppedMean
from fednet.aggregation._trained import exclude_setting, stepped_arrays

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fednet.parameters import Structure

_Array = np.ndarray[Any, Any]


class _Stepping(Aggregator, Optimizer):
    """An aggregator that is also the optimiser of its partials."""

    exclude: tuple[str, ...]

    reads_blocks: ClassVar[bool] = True
    supports_privacy: ClassVar[bool] = True

    def partial(self, structure: Structure) -> SteppedMean:
        """Return an empty partial for models of this structure."""
        return SteppedMean(structure, self, stepped_arrays(structure, self.exclude))

    def load(self, path: Path, structure: Structure) -> SteppedMean:
        """Read a saved partial; see `Aggregator.load`."""
        return self.partial(structure).loaded(path)


@dataclass(frozen=True)
class FedAvgM(_Stepping):
    """Federated averaging with momentum on the server.

    Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated
    Visual Classification", 2019, arXiv:1909.06335: with the step d from the model x to the weighted
    mean of the updates, v becomes momentum * v + d, and x becomes x + learning_rate * v. The first
    v is zero. Integers, booleans and the arrays of `exclude` take no step; they become the mean.
    """

    learning_rate: float = setting(
        1.0, Limits(float, "the factor of a step; 1 adds v as it is", above=0, most=1e6)
    )
    momentum: float = setting(
        0.9, Limits(float, "the share of v that is kept in each round", least=0, below=1)
    )
    exclude: tuple[str, ...] = exclude_setting()

    name: ClassVar[str] = "fedavgm"
    moments: ClassVar[tuple[float, ...]] = (0.0,)

    def __post_init__(self) -> None:
        check_settings(self)

    def remember(self, which: int, moment: _Array, delta: _Array) -> None:  # noqa: ARG002  the one
        """Add the step to the remaining share of v."""
        moment *= self.momentum
        moment += delta

    def step(self, parameters: _Array, moments: Sequence[_Array]) -> None:
        """Move along v."""
        parameters += self.learning_rate * moments[0]


@dataclass(frozen=True)
class FedOpt(_Stepping):
    """Federated averaging with an adaptive optimiser on the server: Adam, Yogi or Adagrad.

    Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar and McMahan, "Adaptive Federated
    Optimization", ICLR 2021, arXiv:2003.00295, algorithm 2. With the step d from the model x to the
    weighted mean of the updates, m becomes beta1 * m + (1 - beta1) * d, and v becomes

    - adagrad: v + d²
    - yogi: v - (1 - beta2) * d² * sign(v - d²)
    - adam: beta2 * v + (1 - beta2) * d²

    and x becomes x + learning_rate * m / (√v + tau). The first m is zero, the first v is tau². Integers, booleans and
    the arrays of `exclude` take no step; they become the mean.
    """

    serveropt: str = setting(
        "adam", Limits(str, "the optimiser", choices=("adam", "yogi", "adagrad"))
    )
    learning_rate: float = setting(
        1e-3,
        Limits(
            float,
            "the approximate length of a step, in the units of the parameters",
            above=0,
            most=1e6,
        ),
    )
    beta1: float = setting(
        0.9, Limits(float, "the share of m that is kept in each round", least=0, below=1)
    )
    beta2: float = setting(
        0.99,
        Limits(
            float, "the share of v that is kept in each round; not for adagrad", least=0, below=1
        ),
    )
    tau: float = setting(
        1e-4,
        Limits(
            float,
            "the degree of adaptivity, in the units of the parameters: much smaller steps are damped",
            least=1e-12,
            most=1e6,
        ),
    )
    exclude: tuple[str, ...] = exclude_setting()

    name: ClassVar[str] = "fedopt"

    def __post_init__(self) -> None:
        check_settings(self)

    @property
    def moments(self) -> tuple[float, ...]:
        """The first values of m and v."""
        return (0.0, self.tau**2)

    def remember(self, which: int, moment: _Array, delta: _Array) -> None:
        """Update m or v."""
        if which == 0:
            moment *= self.beta1
            moment += (1 - self.beta1) * delta
        else:
            self._remember_square(moment, np.square(delta, out=delta))

    def _remember_square(self, v: _Array, square: _Array) -> None:
        if self.serveropt == "adagrad":
            v += square
        elif self.serveropt == "yogi":
            v -= (1 - self.beta2) * square * np.sign(v - square)
        else:
            v *= self.beta2
            v += (1 - self.beta2) * square

    def step(self, parameters: _Array, moments: Sequence[_Array]) -> None:
        """Move along m, less where v is large."""
        m, v = moments
        parameters += self.learning_rate * m / (np.sqrt(v) + self.tau)
