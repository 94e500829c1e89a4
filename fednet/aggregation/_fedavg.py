"""Federated averaging: the mean of the updates, weighted by their examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fednet.aggregation._protocols import Aggregator
from fednet.aggregation._rounding import round_into
from fednet.aggregation._weighted_mean import WeightedMean
from fednet.parameters import BlockArray, MadeArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from fednet.parameters import Structure

_Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class FedAvg(Aggregator):
    """The mean of the updates, weighted by their examples.

    McMahan, Moore, Ramage, Hampson and Agüera y Arcas, "Communication-Efficient Learning of Deep
    Networks from Decentralized Data", AISTATS 2017, arXiv:1602.05629, algorithm 1: of n examples
    client k has n_k, and the new model is the sum over all clients of n_k / n times the client's
    parameters.
    """

    name: ClassVar[str] = "fedavg"
    reads_blocks: ClassVar[bool] = True
    supports_privacy: ClassVar[bool] = True

    def partial(self, structure: Structure) -> WrittenMean:
        """Return an empty partial for models of this structure."""
        return WrittenMean(structure)

    def load(self, path: Path, structure: Structure) -> WrittenMean:
        """Read a saved partial; see `Aggregator.load`."""
        return WrittenMean(structure).loaded(path)


class WrittenMean(WeightedMean):
    """A weighted mean that is the new model, and is made a block at a time while it is written."""

    def finish_in_blocks(
        self,
        base: Sequence[_Array] = (),  # noqa: ARG002  a mean needs neither base nor state
        state: Sequence[_Array] | None = None,  # noqa: ARG002
    ) -> Iterator[_Array | BlockArray]:
        """Yield the arrays of `finish`, those of floats in blocks; see `Partial.finish_in_blocks`."""
        self.check_updates()
        return (self._written(position) for position in range(len(self.structure.arrays)))

    def _written(self, position: int) -> _Array | BlockArray:
        spec = self.structure.arrays[position]
        if not spec.dtype.startswith("float"):
            return self.rounded_mean(position)
        return MadeArray(spec.shape, np.dtype(spec.dtype), lambda: self._rounded_blocks(position))

    def _rounded_blocks(self, position: int) -> Iterator[_Array]:
        for (exact,) in self.walk(position):
            rounded = np.empty(exact.shape, self.structure.arrays[position].dtype)
            round_into(rounded, exact)
            yield rounded.reshape(-1)
