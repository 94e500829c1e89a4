"""Federated averaging: the mean of the updates, weighted by their examples.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", 2017,
arXiv:1602.05629, algorithm 1: of n examples client k has n_k, and the new model is the sum over all
clients of n_k / n times the client's parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fednet.aggregation._weighted_mean import WeightedMean

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.parameters import Structure


@dataclass(frozen=True)
class FedAvg:
    """Federated averaging; it has no settings."""

    name: ClassVar[str] = "fedavg"

    def partial(self, structure: Structure) -> WeightedMean:
        """An empty partial for models of this structure."""
        return WeightedMean(structure)

    def load(self, path: Path, structure: Structure) -> WeightedMean:
        """Read a saved partial; see `Aggregator.load`."""
        return WeightedMean.load(path, structure)
