"""Updates kept as they came, for rules that have to see all of them at once.

Nothing is copied: an update stays a view into its file, and every walk reads the files a block at a
time and lets the pages go, so that memory does not grow with the number of updates.

A saved partial is a model file (see `fednet.parameters`): the arrays of the first update, those of
the second and so on, and at the end one array, float64, with the weight of each update.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from fednet import limits
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

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Update:
    """One client's update.

    Args:
        arrays: Its parameters, viewed in their file.
        weight: How much it counts.
        base: The model that it began with; None where that is the model that the round began with.
        staleness: How many rounds ago that was the newest model.
    """

    arrays: Sequence[_Array]
    weight: float
    base: Sequence[_Array] | None = None
    staleness: int = 0


class Rule(Protocol):
    """How the updates of a round become a model."""

    @property
    def updates_min(self) -> int:
        """How many updates it needs at the least."""

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """The updates that count, and for how much; it may walk through their numbers."""

    def combine(self, numbers: _Array, weights: _Array) -> _Array:
        """What the selected updates come to, number by number.

        Args:
            numbers: float64, one row for each update and one column for each parameter; may be
                overwritten.
            weights: float64, one for each update.

        Returns:
            float64, one number for each column.
        """


class Kept(Partial):
    """The updates of a round, whatever is made of them.

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
        """How many updates have been folded."""
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
        """Keep the other's updates, too; see `Partial.merge`."""
        if other.structure != self.structure:
            raise InvalidModel(
                f"A partial of {other.structure.describe()} cannot be merged into one of "
                f"{self.structure.describe()}. Both must come from the same round."
            )
        self._check_room(other.updates)
        self._kept += other._kept

    def save(self, path: Path) -> None:
        """Write the updates and the notes on them; see `Partial.save`."""
        write_model(path, chain(*(update.arrays for update in self._kept), self.notes()))

    def notes(self) -> list[_Array]:
        """What is saved beside the updates: their weights."""
        return [np.array([update.weight for update in self._kept], np.float64)]

    def take_notes(self, arrays: list[_Array]) -> Sequence[Mapping[str, Any]]:  # noqa: ARG002  none
        """Take the notes beside the weights from the end of what was saved: the updates' metadata."""
        return ()

    def loaded(self, path: Path) -> Self:
        """This empty partial with what was saved, viewed in the file."""
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
                f"A round of this aggregator holds at most {limits.kept_updates_max} updates. Ask "
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
    """Kept updates of which a rule makes a model; a `Partial`.

    Args:
        structure: The global model's structure.
        rule: What is made of the updates in the end.
    """

    def __init__(self, structure: Structure, rule: Rule) -> None:
        super().__init__(structure)
        self._rule = rule

    def finish(
        self,
        base: Sequence[_Array] = (),  # noqa: ARG002  the updates say it all
        state: Sequence[_Array] | None = None,  # noqa: ARG002
    ) -> Iterator[_Array]:
        """What the rule makes of the updates, in the model's dtypes; see `Partial.finish`."""
        self.check_updates()
        return self._combined(self._rule.select(self._kept))

    def check_updates(self) -> None:
        """Raise FailedPrecondition while there are too few updates for a model."""
        if self.updates < self._rule.updates_min:
            raise FailedPrecondition(
                f"There are {self.updates} updates where the aggregator needs at least "
                f"{self._rule.updates_min}. Ask more clients, or wait longer."
            )

    def _combined(self, selected: Sequence[Update]) -> Iterator[_Array]:
        weights = np.array([update.weight for update in selected])
        for position, spec in enumerate(self.structure.arrays):
            made = np.empty(spec.shape, spec.dtype)
            with np.errstate(over="ignore"):
                for numbers, target in walk(selected, position, made):
                    round_into(target, self._rule.combine(numbers, weights))
            yield made


def walk(
    updates: Sequence[Update], position: int, *alongside: _Array
) -> Iterator[tuple[_Array, ...]]:
    """Walk through one array of all updates, a block at a time.

    Args:
        updates: At least one.
        position: The array's place in the model.
        alongside: Other arrays of its shape.

    Yields:
        A matrix of float64, one row for each update, which the next one overwrites; and flat views
        of the same place in the arrays alongside, which must be contiguous.
    """
    arrays = [update.arrays[position] for update in updates]
    columns = max(1, limits.stacked_block_bytes // (8 * len(arrays)))
    matrix = np.empty((len(arrays), min(columns, max(1, arrays[0].size))))
    for block in blocks(*alongside, *arrays):
        others, pieces = block[: len(alongside)], block[len(alongside) :]
        for start in range(0, pieces[0].size, columns):
            part = slice(start, start + columns)
            numbers = matrix[:, : min(columns, pieces[0].size - start)]
            for row, piece in zip(numbers, pieces, strict=True):
                row[...] = piece.reshape(-1)[part]
            yield numbers, *(other.reshape(-1)[part] for other in others)
        let_pages_go(arrays)
