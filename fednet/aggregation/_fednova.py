"""Averaging for clients with different numbers of local steps."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fednet import limits
from fednet.aggregation._protocols import NO_METADATA, Aggregator
from fednet.aggregation._rounding import round_into
from fednet.aggregation._settings import check_settings
from fednet.aggregation._trained import exclude_setting, stepped_arrays
from fednet.aggregation._weighted_mean import WeightedMean, check_weight
from fednet.errors import InvalidModel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from fednet.parameters import Structure

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class FedNova(Aggregator):
    """The mean of the clients' steps, each divided by its number of local steps.

    Wang, Liu, Liang, Joshi and Poor, "Tackling the Objective Inconsistency Problem in Heterogeneous
    Federated Optimization", NeurIPS 2020, arXiv:2007.07481, for clients that run plain SGD: with
    n_k examples and t_k local steps of client k, shares p_k = n_k / n and the step d_k from the
    model x to its update, x becomes x + (Σ p_k t_k) * Σ p_k d_k / t_k. A client reports the number
    of its steps as `num_steps`, next to `num_examples`; a client that runs SGD with momentum or a proximal term
    reports the sum of the paper's vector a_k instead. Integers, booleans and the arrays of `exclude` take no step; they
    become the mean, weighted by examples.
    """

    exclude: tuple[str, ...] = exclude_setting()

    name: ClassVar[str] = "fednova"
    reads_blocks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_settings(self)

    def partial(self, structure: Structure) -> NormalizedMean:
        """Return an empty partial for models of this structure."""
        return NormalizedMean(structure, stepped_arrays(structure, self.exclude))

    def load(self, path: Path, structure: Structure) -> NormalizedMean:
        """Read a saved partial; see `Aggregator.load`."""
        return self.partial(structure).loaded(path)


class NormalizedMean(WeightedMean):
    """The mean of updates weighted by examples over steps, and the length of the step to it; a `Partial`.

    Args:
        structure: The global model's structure.
        stepped: The positions of the arrays that take the step; the others become the mean by examples.

    Σ p_k d_k / t_k is the step to that mean times Σ p_k / t_k. So only two numbers are counted in addition to the sums:
    the examples over the steps, and the examples times the steps.
    """

    def __init__(self, structure: Structure, stepped: Collection[int]) -> None:
        super().__init__(structure)
        self._stepped = stepped
        self._over_steps = 0.0
        self._times_steps = 0.0

    def tally(self) -> list[float]:
        """Return the numbers that are saved with the sums."""
        return [*super().tally(), self._over_steps, self._times_steps]

    def recount(self, tally: Sequence[float]) -> None:
        """Take over a saved tally, if it is possible."""
        *counted, over_steps, times_steps = tally
        super().recount(counted)
        if self.updates and not 0 < over_steps * times_steps < math.inf:
            raise InvalidModel(
                f"The saved partial claims {over_steps} examples over steps and {times_steps} times "
                "steps, which is impossible. Aggregate the round again."
            )
        self._over_steps, self._times_steps = over_steps, times_steps

    def divisor(self, position: int) -> float:
        """Return the divisor of the sum of an array of floats."""
        return self._over_steps if position in self._stepped else self.weight

    def accumulate(
        self,
        arrays: Sequence[_Array],
        weight: float,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> None:
        """Add the arrays, weighted by examples over steps; see `Partial.accumulate`."""
        check_weight(weight)
        steps = _checked_steps(metadata.get("num_steps"))
        self.add(arrays, float(weight), dict.fromkeys(self._stepped, weight / steps))
        self._over_steps += weight / steps
        self._times_steps += weight * steps

    def merge(self, other: Self) -> None:
        """Add the other partial's sums and counts; see `Partial.merge`."""
        super().merge(other)
        self._over_steps += other._over_steps
        self._times_steps += other._times_steps

    def finish(
        self,
        base: Sequence[_Array] = (),
        state: Sequence[_Array] | None = None,  # noqa: ARG002  nothing is remembered
    ) -> Iterator[_Array]:
        """Yield the base, moved along the direction to the mean; see `Partial.finish`."""
        self.check_updates()
        return (self._moved(position, array) for position, array in enumerate(base))

    def _moved(self, position: int, base: _Array) -> _Array:
        spec = self.structure.arrays[position]
        if position not in self._stepped:
            return self.rounded_mean(position)
        stretch = self._times_steps / self.weight * (self._over_steps / self.weight)
        moved = np.empty(spec.shape, spec.dtype)
        for mean, before, target in self.walk(position, base, moved):
            step = np.subtract(mean, before, out=mean)
            round_into(target, np.add(before, np.multiply(step, stretch, out=step), out=step))
        return moved


def _checked_steps(steps: object) -> float:
    is_number = isinstance(steps, Real) and not isinstance(steps, bool)
    if not is_number or not 0 < steps <= limits.update_steps_max:  # type: ignore[operator]  # a number
        raise InvalidModel(
            f"num_steps is {reprlib.repr(steps)}. Return the number of local steps from train, next to "
            f"num_examples: a number above 0 and at most {limits.update_steps_max}.",
            field="num_steps",
        )
    return float(steps)  # type: ignore[arg-type]  # a number
