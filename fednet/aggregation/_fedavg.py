"""Federated averaging: the mean of the updates, weighted by their examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fednet.aggregation._protocols import Aggregator
from fednet.aggregation._weighted_mean import WeightedMean

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.parameters import Structure


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

    def partial(self, structure: Structure) -> WeightedMean:
        """Return an empty partial for models of this structure."""
        return WeightedMean(structure)

    def load(self, path: Path, structure: Structure) -> WeightedMean:
        """Read a saved partial; see `Aggregator.load`."""
        return WeightedMean(structure).loaded(path)
