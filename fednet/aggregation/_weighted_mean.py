"""The weighted mean of updates, as a sum that can be split and merged.

The sums are float64, so that the order of thousands of float32 updates does not change the result. Arithmetic goes
block by block through one scratch array; only the sums are as large as the model.

A saved partial is a model file (see `fednet.parameters`):

- the arrays `0` to `n-1` are the weighted sums, float64, in the shapes of the global model;
- the array `n` is float64 and holds the tally: the sum of the weights, and the number of updates.
"""

from __future__ import annotations

import reprlib
from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from fednet import limits
from fednet.aggregation._protocols import NO_METADATA, Partial
from fednet.aggregation._rounding import round_into
from fednet.errors import FailedPrecondition, InvalidModel
from fednet.parameters import (
    BLOCK_ITEMS,
    ArraySpec,
    Structure,
    blocks,
    check_structure,
    open_model,
    write_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


_Array = np.ndarray[Any, Any]


class WeightedMean(Partial):
    """A weighted sum of updates and its weight; a `Partial`.

    Args:
        structure: The global model's structure; its dtypes are those of the mean.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.weight = 0.0
        self.updates = 0
        self._sums: list[_Array] = [np.zeros(spec.shape) for spec in structure.arrays]
        self._scratch = np.empty(BLOCK_ITEMS)

    def tally(self) -> list[float]:
        """Return the numbers that are saved with the sums."""
        return [self.weight, self.updates]

    def recount(self, tally: Sequence[float]) -> None:
        """Take over a saved tally, if it is possible."""
        weight, updates = tally
        _check_tally(weight, updates)
        self.weight, self.updates = weight, int(updates)

    @property
    def divisor(self) -> float:
        """The divisor of the sums."""
        return self.weight

    def loaded(self, path: Path) -> Self:
        """Fill this empty partial with saved sums, as views into the file, and return it."""
        saved = self._saved_structure()
        with open_model(path, expected_bytes=saved.nbytes) as file:
            if file.structure != saved:
                raise InvalidModel(
                    f"The saved partial has {file.structure.describe()}. It does not belong to a "
                    f"global model of {self.structure.describe()}. Aggregate the round again."
                )
            *self._sums, tally = file.arrays
        self.recount(tally.tolist())
        return self

    def save(self, path: Path) -> None:
        """Write the sums and the tally; see `Partial.save`."""
        write_model(path, [*self._sums, np.array(self.tally(), np.float64)])

    def accumulate(
        self,
        arrays: Sequence[_Array],
        weight: float,
        metadata: Mapping[str, Any] = NO_METADATA,  # noqa: ARG002  a mean needs none
    ) -> None:
        """Add `weight` times each array to its sum; see `Partial.accumulate`."""
        check_weight(weight)
        self.add(arrays, float(weight))
        self.weight += float(weight)
        self.updates += 1

    def add(self, arrays: Sequence[_Array], factor: float) -> None:
        """Add `factor` times each array to its sum, without counting it."""
        check_structure(Structure.of(arrays), self.structure)
        self._own_sums()
        for total, array in zip(self._sums, arrays, strict=True):
            self._fold(total, array, factor)

    def merge(self, other: Self) -> None:
        """Add the other partial's sums; see `Partial.merge`."""
        if other.structure != self.structure:
            raise InvalidModel(
                f"Cannot merge a partial of {other.structure.describe()} into one of "
                f"{self.structure.describe()}. Merge partials of the same round."
            )
        self._own_sums()
        with np.errstate(over="ignore", invalid="ignore"):
            for total, added in zip(self._sums, other._sums, strict=True):
                np.add(total, added, out=total)
        self.weight += other.weight
        self.updates += other.updates

    def finish(
        self,
        base: Sequence[_Array] = (),  # noqa: ARG002  a mean needs neither base nor state
        state: Sequence[_Array] | None = None,  # noqa: ARG002
    ) -> Iterator[_Array]:
        """Yield the sums divided by the weight, in the model's dtypes; see `Partial.finish`.

        A mean beyond the range of its dtype, such as 1e6 for float16, becomes the end of the range. Integers are
        rounded to the nearest; a boolean is true if more than half of the weight is.
        """
        self.check_updates()
        return (self.rounded_mean(position) for position in range(len(self._sums)))

    def check_updates(self) -> None:
        """Raise FailedPrecondition if there is no update."""
        if not self.updates:
            raise FailedPrecondition(
                "The round has no update, so there is no mean. Ask more clients, or wait longer."
            )

    def rounded_mean(self, position: int) -> _Array:
        """Return the mean of the array at a position, in the model's dtype."""
        spec = self.structure.arrays[position]
        mean = np.empty(spec.shape, spec.dtype)
        for exact, target in self.walk(position, mean):
            round_into(target, exact)
        return mean

    def walk(self, position: int, *alongside: _Array) -> Iterator[tuple[_Array, ...]]:
        """Iterate over the exact mean of the array at a position, block by block.

        Args:
            position: The array's position in the model.
            alongside: Other arrays of its shape.

        Yields:
            A block of the mean, float64, which the next block overwrites; and views of the same block of the arrays
            alongside.
        """
        for sums, *others in blocks(self._sums[position], *alongside):
            exact = self._scratch_for(sums)
            np.divide(sums, self.divisor, out=exact)
            if np.isnan(exact).any():
                raise InvalidModel(
                    f"The mean of array '{position}' is not finite: updates have NaN or very "
                    "large numbers. Lower the clients' learning rate."
                )
            yield exact, *others

    def _fold(self, total: _Array, array: _Array, weight: float) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            for sums, numbers in blocks(total, array):
                weighted = self._scratch_for(sums)
                np.multiply(numbers, weight, out=weighted, dtype=np.float64)
                np.add(sums, weighted, out=sums)

    def _scratch_for(self, block: _Array) -> _Array:
        return self._scratch[: block.size].reshape(block.shape)

    def _saved_structure(self) -> Structure:
        # By position: a model may have names, but a partial has none.
        shapes = [*(spec.shape for spec in self.structure.arrays), (len(self.tally()),)]
        return Structure(
            tuple(ArraySpec(str(place), shape, "float64") for place, shape in enumerate(shapes))
        )

    def _own_sums(self) -> None:
        """Copy sums that are views into a saved partial's file, before something is added."""
        self._sums = [sums if sums.flags.writeable else sums.copy() for sums in self._sums]


def check_weight(weight: float) -> None:
    """Raise InvalidModel for an invalid number of examples."""
    is_number = isinstance(weight, Real) and not isinstance(weight, bool)
    if not is_number or not 0 < weight <= limits.update_examples_max:
        raise InvalidModel(
            f"num_examples is {reprlib.repr(weight)}. Return the number of training examples: a number "
            f"above 0 and at most {limits.update_examples_max}.",
            field="num_examples",
        )


def _check_tally(weight: float, updates: float) -> None:
    is_empty = weight == updates == 0
    is_possible = updates.is_integer() and 0 < weight <= updates * limits.update_examples_max
    if not is_empty and not is_possible:
        raise InvalidModel(
            f"The saved partial claims {updates} updates of weight {weight}, which is impossible. "
            "Aggregate the round again."
        )
