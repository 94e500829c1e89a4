"""Unchanged updates, for rules that need all of them at once.

Nothing is copied: an update stays a view into its file. Every pass reads the files block by block and drops the pages,
so memory does not grow with the number of updates.

A saved partial is a model file (see `fednet.parameters`): the arrays of the first update, those of the second and so
on, and at the end one array, float64, with the weight of each update.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

import numpy as np

from fednet import limits
from fednet.aggregation._exact import ExactSum, digits_of
from fednet.aggregation._pages import let_pages_go
from fednet.aggregation._protocols import NO_METADATA, Partial
from fednet.aggregation._rounding import round_into
from fednet.aggregation._weighted_mean import check_weight
from fednet.errors import FailedPrecondition, InvalidModel, LimitExceeded
from fednet.parameters import (
    Structure,
    blocks,
    check_structure,
    open_model,
    write_model,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from fednet.parameters import ArraySpec

_Array = np.ndarray[Any, Any]

_FLOAT_SAFE_MAX: Final = (
    2.0**40
)  # below it, float64 rounds the mean of so many integers as if it were exact


@dataclass(frozen=True)
class Update:
    """One client's update.

    Args:
        arrays: The parameters, as views into their file.
        weight: The weight of the update.
        base: The model that it began with; None for the model with which the round began.
        staleness: The number of rounds since that was the newest model.
    """

    arrays: Sequence[_Array]
    weight: float
    base: Sequence[_Array] | None = None
    staleness: int = 0


class Rule(Protocol):
    """A rule that makes a model of the updates of a round.

    Attributes:
        is_mean: True if the model is the mean of the selected updates under their weights. Then the mean of integers
            is exact, and `combine` serves for floats only.
    """

    is_mean: ClassVar[bool]

    @property
    def updates_min(self) -> int:
        """The smallest number of updates that the rule needs."""

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """Return the updates that count, with their weights; it may read their numbers."""

    def combine(self, numbers: _Array, weights: _Array) -> _Array:
        """Return the combination of the selected updates, number by number.

        Args:
            numbers: float64, one row for each update and one column for each parameter; may be
                overwritten. Integers that float64 may not hold come as fractions (`Fraction`), in an array of objects.
            weights: float64, one for each update.

        Returns:
            Numbers of the same kind, one for each column.
        """


class Kept(Partial):
    """The updates of a round.

    Args:
        structure: The global model's structure.
    """

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self._kept: list[Update] = []

    @property
    def weight(self) -> float:  # type: ignore[override]  # nobody sets it
        """The sum of the weights, in examples."""
        return math.fsum(update.weight for update in self._kept)

    @property
    def updates(self) -> int:  # type: ignore[override]  # nobody sets it
        """The number of folded updates."""
        return len(self._kept)

    def accumulate(
        self,
        arrays: Sequence[_Array],
        weight: float,
        metadata: Mapping[str, Any] = NO_METADATA,  # noqa: ARG002  not asked for
    ) -> None:
        """Keep the update; see `Partial.accumulate`."""
        check_weight(weight)
        check_structure(Structure.of(arrays), self.structure)
        self._check_room(1)
        self._kept.append(Update(tuple(arrays), float(weight)))

    def merge(self, other: Self) -> None:
        """Keep the other partial's updates, too; see `Partial.merge`."""
        if other.structure != self.structure:
            raise InvalidModel(
                f"Cannot merge a partial of {other.structure.describe()} into one of "
                f"{self.structure.describe()}. Merge partials of the same round."
            )
        self._check_room(other.updates)
        self._kept += other._kept

    def save(self, path: Path) -> None:
        """Write the updates and the notes on them; see `Partial.save`."""
        write_model(path, chain(*(update.arrays for update in self._kept), self.notes()))

    def notes(self) -> list[_Array]:
        """Return the arrays that are saved with the updates: their weights."""
        return [np.array([update.weight for update in self._kept], np.float64)]

    def take_notes(self, arrays: list[_Array]) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002  none
        """Remove the further notes from the end of the saved arrays, and return the updates' metadata."""
        return ()

    def loaded(self, path: Path) -> Self:
        """Fill this empty partial with saved updates, as views into the file, and return it."""
        with open_model(path) as file:
            arrays = file.arrays
        metadata = self.take_notes(arrays)
        weights = arrays.pop()
        count = len(self.structure.arrays)
        if weights.shape != (len(arrays) // count,) or len(arrays) % count:
            raise InvalidModel(
                f"The saved partial has {len(arrays)} arrays and weights of shape {weights.shape}. "
                f"It does not belong to a global model of {self.structure.describe()}. Aggregate "
                "the round again."
            )
        said = metadata or [NO_METADATA] * len(weights)
        for place, (weight, each) in enumerate(zip(weights.tolist(), said, strict=True)):
            self.accumulate(arrays[place * count : (place + 1) * count], weight, each)
        return self

    def _check_room(self, more: int) -> None:
        count = self.updates + more
        if count > limits.kept_updates_max:
            raise LimitExceeded(
                f"A round of this aggregator takes at most {limits.kept_updates_max} updates. Ask "
                "fewer clients.",
                field="requested_clients",
            )
        if count * len(self.structure.arrays) >= limits.model_arrays_max:
            raise LimitExceeded(
                f"{count} updates of {len(self.structure.arrays)} arrays are more than "
                f"{limits.model_arrays_max} arrays. Ask fewer clients, or join small arrays.",
                field="requested_clients",
            )


class KeptUpdates(Kept):
    """Kept updates with the rule that makes a model of them; a `Partial`.

    Args:
        structure: The global model's structure.
        rule: The rule.
    """

    def __init__(self, structure: Structure, rule: Rule) -> None:
        super().__init__(structure)
        self._rule = rule

    def finish(
        self,
        base: Sequence[_Array] = (),  # noqa: ARG002  the updates say it all
        state: Sequence[_Array] | None = None,  # noqa: ARG002
    ) -> Iterator[_Array]:
        """Yield the model that the rule makes, in the global model's dtypes; see `Partial.finish`."""
        self.check_updates()
        return self._combined(self._rule.select(self._kept))

    def check_updates(self) -> None:
        """Raise FailedPrecondition while there are too few updates for a model."""
        if self.updates < self._rule.updates_min:
            raise FailedPrecondition(
                f"The round has {self.updates} updates, but the aggregator needs at least "
                f"{self._rule.updates_min}. Ask more clients, or wait longer."
            )

    def _combined(self, selected: Sequence[Update]) -> Iterator[_Array]:
        weights = [update.weight for update in selected]
        for position, spec in enumerate(self.structure.arrays):
            if self._rule.is_mean and not spec.dtype.startswith("float"):
                yield exact_mean(selected, weights, position, spec)
            else:
                yield self._combined_array(selected, np.array(weights), position, spec)

    def _combined_array(
        self, selected: Sequence[Update], weights: _Array, position: int, spec: ArraySpec
    ) -> _Array:
        made = np.empty(spec.shape, spec.dtype)
        with np.errstate(over="ignore"):
            for numbers, target in walk(selected, position, made, exact=made.dtype.kind != "f"):
                round_into(target, self._rule.combine(numbers, weights))
        return made


def exact_mean(
    updates: Sequence[Update], weights: Sequence[float], position: int, spec: ArraySpec
) -> _Array:
    """Return the weighted mean of an array of integers or booleans, exact and rounded once."""
    total, weight = ExactSum(spec.shape), ExactSum(())
    for update, each in zip(updates, weights, strict=True):
        total.add(update.arrays[position], digits_of(each))
        weight.add(np.ones((), np.int64), digits_of(each))
        let_pages_go([update.arrays[position]])
    mean = np.empty(spec.shape, spec.dtype)
    total.mean_into(mean, weight)
    return mean


def walk(
    updates: Sequence[Update], position: int, *alongside: _Array, exact: bool = False
) -> Iterator[tuple[_Array, ...]]:
    """Iterate over one array of all updates, block by block.

    Args:
        updates: One or more updates.
        position: The array's position in the model.
        alongside: Other arrays of its shape.
        exact: True if large numbers come as fractions, in a matrix of objects: those of a block in which some are so
            large that float64 would not hold the sum of many.

    Yields:
        A matrix of float64, one row for each update, which the next block overwrites; and flat views of the same block
        of the arrays alongside, which must be contiguous.
    """
    arrays = [update.arrays[position] for update in updates]
    columns = max(1, limits.stacked_block_bytes // (8 * len(arrays)))
    matrix = np.empty((len(arrays), min(columns, max(1, arrays[0].size))))
    for block in blocks(*alongside, *arrays):
        others, pieces = block[: len(alongside)], block[len(alongside) :]
        for start in range(0, pieces[0].size, columns):
            part = slice(start, start + columns)
            numbers = matrix[:, : min(columns, pieces[0].size - start)]
            rows = [piece.reshape(-1)[part] for piece in pieces]
            for row, given in zip(numbers, rows, strict=True):
                row[...] = given
            if exact and numbers.size and np.abs(numbers).max() > _FLOAT_SAFE_MAX:
                numbers = np.array([[*map(Fraction, row.tolist())] for row in rows], object)
            yield numbers, *(other.reshape(-1)[part] for other in others)
        let_pages_go(arrays)
