"""Federated averaging with an optimiser on the server, which steps towards the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fednet.aggregation._protocols import Aggregator
from fednet.aggregation._settings import Limits, check_settings, setting
from fednet.aggregation._stepped_mean import SteppedMean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fednet.parameters import Structure

_Array = np.ndarray[Any, Any]

_LEARNING_RATE = Limits(
    float, "how far a step goes, in the units of the parameters", above=0, most=1e6
)


class _Stepping(Aggregator):
    """What the aggregators with a server optimiser have in common."""

    def partial(self, structure: Structure) -> SteppedMean:
        """An empty partial for models of this structure."""
        return SteppedMean(structure, self)  # type: ignore[arg-type]  # every subclass is an Optimizer

    def load(self, path: Path, structure: Structure) -> SteppedMean:
        """Read a saved partial; see `Aggregator.load`."""
        return self.partial(structure).loaded(path)
