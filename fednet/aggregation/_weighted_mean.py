"""The weighted mean of updates, as a sum that can be split and merged.

The sums of floats are float64, so that the order of thousands of float32 updates does not change the result.
Arithmetic goes block by block through one scratch array; only the sums are as large as the model. The sums of integers
and booleans are exact (`_exact.py`), and so is the weight by which they are divided.

A saved partial is a model file (see `fednet.parameters`):

- the arrays `0` to `n-1` are the weighted sums in the shapes of the global model: those of floats are float64; those of
  integers and booleans are int64, with their digits, the lowest one first, as a further first dimension;
- the array `n` is float64 and holds the tally: the sum of the weights, the number of updates, and the number of those
  within the clip, where they are counted. If the model has integers or booleans, there follow the place of the lowest
  digit of each, then that of the exact weight and its digits.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from itertools import chain
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from fednet import limits
from fednet.aggregation._exact import DIGITS_MAX, ExactSum, digits_of
from fednet.aggregation._protocols import NO_METADATA, Partial
from fednet.aggregation._rounding import round_into
from fednet.aggregation._spare_memory import SpareMemory
from fednet.errors import FailedPrecondition, InvalidModel
from fednet.parameters import (
    BLOCK_ITEMS,
    Structure,
    blocks,
    check_structure,
    open_model,
    write_model,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


_Array = np.ndarray[Any, Any]

_ONE: Final = np.ones((), np.int64)
WITHIN_CLIP: Final = "within_clip"
"""The name in an update's metadata by which its client tells that its difference lay within the clip."""
NO_FACTORS: Final[Mapping[int, float]] = MappingProxyType({})


class WeightedMean(Partial):
    """A weighted sum of updates and its weight; a `Partial`.

    Args:
        structure: The global model's structure; its dtypes are those of the mean.

    Attributes:
        within_clip: The number of updates whose client says that they lay within the clip; None if nobody counts them.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.weight = 0.0
        self.updates = 0
        self.within_clip: int | None = None
        self._memory = SpareMemory()
        self._shapes: dict[int, tuple[int, ...]] = {}  # of the arrays of floats, by position
        self._sums: dict[int, _Array] = {}  # none before the first update
        self._exact: dict[int, ExactSum] = {}
        for position, spec in enumerate(structure.arrays):
            if spec.dtype.startswith("float"):
                self._shapes[position] = spec.shape
            else:
                self._exact[position] = ExactSum(spec.shape)
        self._exact_weight = ExactSum(())
        self._scratch = np.empty(BLOCK_ITEMS)

    def work_in(self, memory: SpareMemory) -> None:
        """Take the memory of the sums from there; see `Partial.work_in`."""
        self._memory = memory

    def tally(self) -> list[float]:
        """Return the numbers that are saved with the sums."""
        return [self.weight, self.updates, *self._counted()]

    def recount(self, tally: Sequence[float]) -> None:
        """Take over a saved tally, if it is possible."""
        weight, updates, *within = tally
        _check_tally(weight, updates, *within)
        self.weight, self.updates = weight, int(updates)
        for count in within:
            self.within_clip = int(count)

    def divisor(self, position: int) -> float:  # noqa: ARG002  the same for all arrays of a mean
        """Return the divisor of the sum of an array of floats."""
        return self.weight

    def loaded(self, path: Path) -> Self:
        """Fill this empty partial with saved sums, as views into the file, and return it."""
        with open_model(path, expected_bytes=self._saved_bytes_max()) as file:
            self._check_saved(file.structure)
            *sums, tally = file.arrays
        count = len(self.tally())
        self._sums = {position: sums[position] for position in self._shapes}
        self._load_exact(sums, tally[count:])
        self.recount(tally[:count].tolist())
        return self

    def save(self, path: Path) -> None:
        """Write the sums and the tally; see `Partial.save`."""
        self._ensure_sums()
        sums: Iterable[_Array] = (
            self._exact[position].saved() if position in self._exact else self._sums[position]
            for position in range(len(self.structure.arrays))
        )
        write_model(path, chain(sums, self._saved_tally()))

    def accumulate(
        self,
        arrays: Sequence[_Array],
        weight: float,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> None:
        """Add `weight` times each array to its sum; see `Partial.accumulate`."""
        check_weight(weight)
        self.add(arrays, float(weight))
        if self.within_clip is not None:
            self.within_clip += metadata.get(WITHIN_CLIP) is True

    def add(
        self, arrays: Sequence[_Array], weight: float, factors: Mapping[int, float] = NO_FACTORS
    ) -> None:
        """Add each array to its sum, times the weight, and count one update of this weight.

        Args:
            arrays: The arrays.
            weight: The weight.
            factors: The factors of arrays of floats that count with another factor than the weight, by position.
        """
        check_structure(Structure.of(arrays), self.structure)
        self._own_sums()
        digits = digits_of(weight)
        for position, total in self._sums.items():
            self._fold(total, arrays[position], factors.get(position, weight))
        for position, exact in self._exact.items():
            exact.add(arrays[position], digits)
        self._exact_weight.add(_ONE, digits)
        self.weight += weight
        self.updates += 1

    def merge(self, other: Self) -> None:
        """Add the other partial's sums; see `Partial.merge`."""
        if other.structure != self.structure:
            raise InvalidModel(
                f"Cannot merge a partial of {other.structure.describe()} into one of "
                f"{self.structure.describe()}. Merge partials of the same round."
            )
        self._own_sums()
        with np.errstate(over="ignore", invalid="ignore"):
            for position, numbers in other._sums.items():
                np.add(self._sums[position], numbers, out=self._sums[position])
        for position, exact in self._exact.items():
            exact.merge(other._exact[position])
        self._exact_weight.merge(other._exact_weight)
        self.weight += other.weight
        self.updates += other.updates
        if self.within_clip is not None:
            self.within_clip += other.within_clip or 0

    def add_noise(self, draw: Callable[[int], _Array]) -> None:
        """Add noise to each sum of floats; those of integers and booleans stay.

        Args:
            draw: Returns so many numbers, float64; it is called for one block after the other, in a fixed order.
        """
        self._own_sums()
        for total in self._sums.values():
            for (sums,) in blocks(total):
                np.add(sums, draw(sums.size).reshape(sums.shape), out=sums)

    def finish(
        self,
        base: Sequence[_Array] = (),  # noqa: ARG002  a mean needs neither base nor state
        state: Sequence[_Array] | None = None,  # noqa: ARG002
    ) -> Iterator[_Array]:
        """Yield the sums divided by the weight, in the model's dtypes; see `Partial.finish`.

        A mean beyond the range of its dtype, such as 1e6 for float16, becomes the end of the range. The exact mean of
        integers is rounded once, to the nearest, ties to even; a boolean is true if more than half of the weight is.
        """
        self.check_updates()
        return (self.rounded_mean(position) for position in range(len(self.structure.arrays)))

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
        if position in self._exact:
            self._exact[position].mean_into(mean, self._exact_weight)
            return mean
        for exact, target in self.walk(position, mean):
            round_into(target, exact)
        return mean

    def walk(self, position: int, *alongside: _Array) -> Iterator[tuple[_Array, ...]]:
        """Iterate over the mean of the array of floats at a position, block by block.

        Args:
            position: The array's position in the model.
            alongside: Other arrays of its shape.

        Yields:
            A block of the mean, float64, which the next block overwrites; and views of the same block of the arrays
            alongside.
        """
        for sums, *others in blocks(self._sums[position], *alongside):
            exact = self._scratch_for(sums)
            np.divide(sums, self.divisor(position), out=exact)
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

    def _counted(self) -> list[float]:
        return [] if self.within_clip is None else [self.within_clip]

    def _scratch_for(self, block: _Array) -> _Array:
        return self._scratch[: block.size].reshape(block.shape)

    def _saved_tally(self) -> list[_Array]:
        exact = [float(each.first_place) for each in self._exact.values()]
        if exact:
            digits = self._exact_weight.saved().tolist()
            exact += [self._exact_weight.first_place, *digits]
        return [np.array([*self.tally(), *exact], np.float64)]

    def _saved_bytes_max(self) -> int:
        floats = sum(map(math.prod, self._shapes.values()))
        tally = len(self.tally()) + len(self._exact) + 1 + DIGITS_MAX
        integers = sum(self.structure.arrays[position].size for position in self._exact)
        return 8 * (floats + DIGITS_MAX * integers + tally)

    def _check_saved(self, saved: Structure) -> None:
        """Check that a file has the sums of such a model; by position, because a partial has no names."""
        *sums, tally = saved.arrays
        fits = len(sums) == len(self.structure.arrays) and all(
            sums[position].shape == shape and sums[position].dtype == "float64"
            for position, shape in self._shapes.items()
        )
        lengths = range(len(self.tally()), limits.model_arrays_max + DIGITS_MAX)
        is_tally = tally.dtype == "float64" and len(tally.shape) == 1 and tally.size in lengths
        if not (fits and is_tally and (self._exact or tally.size == len(self.tally()))):
            raise InvalidModel(
                f"The saved partial has {saved.describe()}. It does not belong to a "
                f"global model of {self.structure.describe()}. Aggregate the round again."
            )

    def _load_exact(self, sums: Sequence[_Array], rest: _Array) -> None:
        """Fill the sums of integers from a file, and the weight from the end of its tally."""
        if not self._exact:
            return
        count = len(self._exact)
        if rest.size < count + 2 or not (np.abs(rest) < 2.0**53).all():
            raise InvalidModel("The saved partial has no exact weight. Aggregate the round again.")
        numbers = rest.astype(np.int64)
        for (position, exact), place in zip(self._exact.items(), numbers.tolist(), strict=False):
            exact.loaded(sums[position], place)
        self._exact_weight.loaded(numbers[count + 1 :], int(numbers[count]))

    def _ensure_sums(self) -> None:
        """Make the sums, unless there are some."""
        if not self._sums:
            sums = self._memory.zeros(list(self._shapes.values()))
            self._sums = dict(zip(self._shapes, sums, strict=True))

    def _own_sums(self) -> None:
        """Make the sums before something is added; copy those that are views into a saved partial's file."""
        self._ensure_sums()
        for position, sums in self._sums.items():
            if not sums.flags.writeable:
                self._sums[position] = sums.copy()


def check_weight(weight: float) -> None:
    """Raise InvalidModel for an invalid number of examples."""
    is_number = isinstance(weight, Real) and not isinstance(weight, bool)
    if not is_number or not 0 < weight <= limits.update_examples_max:
        raise InvalidModel(
            f"num_examples is {reprlib.repr(weight)}. Return the number of training examples: a number "
            f"above 0 and at most {limits.update_examples_max}.",
            field="num_examples",
        )


def _check_tally(weight: float, updates: float, within: float = 0.0) -> None:
    is_empty = weight == updates == 0
    is_possible = updates.is_integer() and 0 < weight <= updates * limits.update_examples_max
    is_count = float(within).is_integer() and 0 <= within <= updates
    if not (is_count and (is_empty or is_possible)):
        raise InvalidModel(
            f"The saved partial claims {updates} updates of weight {weight}, which is impossible. "
            "Aggregate the round again."
        )
