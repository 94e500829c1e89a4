"""An aggregator that also counts the updates within the clip, for differential privacy with an adaptive clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fednet.aggregation._protocols import Aggregator
from fednet.aggregation._weighted_mean import WeightedMean
from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.parameters import Structure


@dataclass(frozen=True)
class CountingWithinClip(Aggregator):
    """A mean that counts the updates within the clip; no session can request it by name.

    Attributes:
        mean: The aggregator that makes the model.

    Raises:
        InvalidInput: The aggregator does not support differential privacy.
    """

    mean: Aggregator

    name: ClassVar[str] = "within_clip"
    reads_blocks: ClassVar[bool] = True
    supports_privacy: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_supports_privacy(self.mean)

    def partial(self, structure: Structure) -> WeightedMean:
        """Return an empty partial of the mean, which counts."""
        partial = self.mean.partial(structure)
        assert isinstance(partial, WeightedMean), "so an aggregator that supports privacy promises"
        partial.within_clip = 0
        return partial

    def load(self, path: Path, structure: Structure) -> WeightedMean:
        """Read a saved partial; see `Aggregator.load`."""
        return self.partial(structure).loaded(path)


def check_supports_privacy(aggregator: Aggregator) -> None:
    """Check that an aggregator makes the model of the mean of the updates alone.

    Raises:
        InvalidInput: It does not.
    """
    if not aggregator.supports_privacy:
        raise InvalidInput(
            "Differential privacy needs an aggregator that uses nothing but the mean of the updates. One client "
            f"may change that of {aggregator.name!r} by more than the clip. Choose fedavg, fedavgm, fedopt or fedprox.",
            field="aggregator",
        )
