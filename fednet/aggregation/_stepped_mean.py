"""The mean of updates as the direction of a server optimiser's step.

The optimiser's memory, its moments, is a model file (see `fednet.parameters`): for each array that takes the step, one
array for each moment, float64, in its shape. The other arrays (`_trained.py`) become the mean.

The moments are computed first, from the mean; the new model follows from the base and the moments. So a step can be
repeated from the stored moments, with the same result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fednet.aggregation._pages import let_pages_go
from fednet.aggregation._rounding import round_into
from fednet.aggregation._weighted_mean import WeightedMean
from fednet.errors import InvalidModel
from fednet.parameters import ArraySpec, Structure, blocks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_Array = np.ndarray[Any, Any]


class Optimizer(Protocol):
    """The step of a server; all arrays are float64 blocks."""

    @property
    def moments(self) -> tuple[float, ...]:
        """The first value of each moment."""

    def remember(self, which: int, moment: _Array, delta: _Array) -> None:
        """Update a moment in place; delta, the mean minus the base, may be overwritten."""

    def step(self, parameters: _Array, moments: Sequence[_Array]) -> None:
        """Move the parameters, in place."""


class SteppedMean(WeightedMean):
    """A weighted sum of updates; an optimiser steps towards their mean. A `Partial`.

    Args:
        structure: The global model's structure.
        optimizer: The optimiser.
        stepped: The positions of the arrays that take the step.
    """

    def __init__(
        self, structure: Structure, optimizer: Optimizer, stepped: Collection[int]
    ) -> None:
        super().__init__(structure)
        self._optimizer = optimizer
        self._stepped = sorted(stepped)

    def advance(
        self, base: Sequence[_Array], state: Sequence[_Array] | None
    ) -> Iterator[_Array] | None:
        """Yield the moments after this round; see `Partial.advance`."""
        self.check_updates()
        if not self._stepped:
            return None
        if state is not None:
            self._check_state(state)
        return self._moments(base, state)

    def finish(
        self, base: Sequence[_Array] = (), state: Sequence[_Array] | None = None
    ) -> Iterator[_Array]:
        """Yield the base, moved by one step; see `Partial.finish`."""
        self.check_updates()
        moments = dict(zip(self._stepped, self._by_array(state or ()), strict=True))
        return (
            self._moved(position, base[position], moments[position])
            if position in moments
            else self.rounded_mean(position)
            for position in range(len(base))
        )

    def _moments(self, base: Sequence[_Array], state: Sequence[_Array] | None) -> Iterator[_Array]:
        earlier = iter(state or ())
        for position in self._stepped:
            for which, number in enumerate(self._optimizer.moments):
                moment = np.full(self.structure.arrays[position].shape, number, np.float64)
                if (before := next(earlier, None)) is not None:
                    np.copyto(moment, before)
                    let_pages_go([before])
                self._remember(position, which, moment, base[position])
                yield moment

    def _remember(self, position: int, which: int, moment: _Array, base: _Array) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            for mean, before, remembered in self.walk(position, base, moment):
                delta = np.subtract(mean, before, out=mean)
                self._optimizer.remember(which, remembered, delta)
                _check_finite(position, remembered)

    def _moved(self, position: int, base: _Array, moments: Sequence[_Array]) -> _Array:
        spec = self.structure.arrays[position]
        moved = np.empty(spec.shape, spec.dtype)
        for target, before, *remembered in blocks(moved, base, *moments):
            parameters = self._scratch_for(target)
            np.copyto(parameters, before)
            self._optimizer.step(parameters, remembered)
            round_into(target, parameters)
        let_pages_go([base, *moments])
        return moved

    def _by_array(self, state: Sequence[_Array]) -> Iterator[Sequence[_Array]]:
        count = len(self._optimizer.moments)
        return (state[start : start + count] for start in range(0, len(state), count))

    def _check_state(self, state: Sequence[_Array]) -> None:
        expected = [
            ArraySpec(str(place), self.structure.arrays[position].shape, "float64")
            for place, position in enumerate(
                position for position in self._stepped for _ in self._optimizer.moments
            )
        ]
        if Structure.of(state) != Structure(tuple(expected)):
            raise InvalidModel(
                "The server optimiser's memory belongs to another model or aggregator. Start a new "
                "session."
            )


def _check_finite(position: int, moment: _Array) -> None:
    if not np.isfinite(moment).all():
        raise InvalidModel(
            f"The step of array '{position}' overflows. Lower the clients' learning rate."
        )
