"""The sum of masked updates, and of masks, in the ring of their words: an aggregator that is exact in every order.

A saved partial is a model file (see `fednet.parameters`): the array `0` is the sum, uint32 or uint64; the array `1` is
float64 and holds the sum of the weights and the number of updates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fednet.aggregation import Aggregator, Partial, SpareMemory, check_weight
from fednet.errors import FailedPrecondition, InvalidModel, LimitExceeded
from fednet.parameters import ArraySpec, Structure, blocks, check_structure, open_model, write_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_Array = np.ndarray[Any, Any]

_TALLY = ArraySpec("1", (2,), "float64")


@dataclass(frozen=True)
class MaskedSums(Aggregator):
    """The sum of masked updates; no session can request it by name.

    Attributes:
        summands: The largest number of updates in one sum, so that it cannot wrap around.
    """

    summands: int

    name: ClassVar[str] = "masked_sum"
    reads_blocks: ClassVar[bool] = True

    @property
    def updates_max(self) -> int:
        """The largest number of updates of a round."""
        return self.summands

    def partial(self, structure: Structure) -> MaskedSum:
        """Return an empty sum.

        Args:
            structure: The `masked_structure` of a `RingQuantiser`.
        """
        return MaskedSum(structure, self.summands)

    def load(self, path: Path, structure: Structure) -> MaskedSum:
        """Read a saved sum; see `Aggregator.load`."""
        return self.partial(structure).loaded(path)


class MaskedSum(Partial):
    """A sum of words modulo 2**32 or 2**64; a `Partial`.

    Args:
        structure: The structure of one masked update.
        updates_max: The largest number of updates in the sum.
    """

    def __init__(self, structure: Structure, updates_max: int) -> None:
        self.structure = structure
        self.weight = 0.0
        self.updates = 0
        self._updates_max = updates_max
        self._memory = SpareMemory()
        self._sum: _Array | None = None  # before the first update

    @property
    def vector(self) -> _Array:
        """The sum, of shape (count,); read-only if it is a view into a saved partial."""
        if self._sum is None:
            self._sum = self._zeros()
        return self._sum

    def work_in(self, memory: SpareMemory) -> None:
        """Take the memory of the sum from there; see `Partial.work_in`."""
        self._memory = memory

    def accumulate(
        self,
        arrays: Sequence[_Array],
        weight: float,
        metadata: Mapping[str, Any] | None = None,  # noqa: ARG002  a masked update has none
    ) -> None:
        """Add one masked update; see `Partial.accumulate`."""
        check_weight(weight)
        self._check_form(Structure.of(arrays))
        self._make_room(1)
        self._add(arrays[0])
        self.weight += weight
        self.updates += 1

    def merge(self, other: Self) -> None:
        """Add another sum; see `Partial.merge`."""
        self._check_form(other.structure)
        self._make_room(other.updates)
        self._add(other.vector)
        self.weight += other.weight
        self.updates += other.updates

    def finish(
        self,
        base: Sequence[_Array] = (),  # noqa: ARG002  a sum needs neither base nor state
        state: Sequence[_Array] | None = None,  # noqa: ARG002
    ) -> Iterator[_Array]:
        """Yield the sum itself, masks and all; `RingQuantiser.mean` makes a model of it."""
        if not self.updates:
            raise FailedPrecondition(
                "The round has no masked update, so there is no sum. Ask more clients, or wait longer."
            )
        yield self.vector

    def save(self, path: Path) -> None:
        """Write the sum and the tally; see `Partial.save`."""
        write_model(path, [self.vector, np.array([self.weight, self.updates], np.float64)])

    def loaded(self, path: Path) -> Self:
        """Fill this empty sum with a saved one, as a view into its file, and return it."""
        with open_model(path, expected_bytes=self.structure.nbytes + _TALLY.nbytes) as file:
            saved = file.structure
            if saved != Structure((*self.structure.arrays, _TALLY)):
                raise InvalidModel(
                    f"The saved partial has {saved.describe()}. It is no sum of masked updates of "
                    f"{self.structure.describe()}. Begin the round again."
                )
            vector, tally = file.arrays
        weight, updates = tally.tolist()
        if not (updates.is_integer() and 0 <= updates <= self._updates_max and weight >= 0):
            raise InvalidModel(
                f"The saved partial claims {updates} updates of weight {weight}, which is impossible. Begin the round "
                "again."
            )
        self._sum, self.weight, self.updates = vector, weight, int(updates)
        return self

    def _add(self, words: _Array) -> None:
        if not self.vector.flags.writeable:
            self._sum = self.vector.copy()
        for total, block in blocks(self.vector, words):
            np.add(total, block, out=total)

    def _zeros(self) -> _Array:
        (spec,) = self.structure.arrays
        (words,) = self._memory.zeros([(-(-spec.nbytes // 8),)])
        return words.view(spec.dtype)[: spec.size]

    def _check_form(self, found: Structure) -> None:
        """Check the dtype, too: words of another ring have another sum."""
        check_structure(found, self.structure)
        if found.arrays[0].dtype != self.structure.arrays[0].dtype:
            raise InvalidModel(
                f"The masked update has {found.describe()}. Send words of the ring that the session asks for: "
                f"{self.structure.describe()}."
            )

    def _make_room(self, updates: int) -> None:
        if self.updates + updates > self._updates_max:
            raise LimitExceeded(
                f"A sum of {self._updates_max} masked updates has no room for {updates} more: it would wrap around. "
                "Start a session for more clients."
            )
