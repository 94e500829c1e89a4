"""The common part of the aggregators that keep all updates of a round."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fednet import limits
from fednet.aggregation._kept_updates import KeptUpdates, Rule
from fednet.aggregation._protocols import Aggregator
from fednet.aggregation._settings import check_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fednet.aggregation._kept_updates import Update
    from fednet.parameters import Structure


class Keeping(Aggregator, Rule):
    """An aggregator that is also the rule of its partials."""

    is_mean: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_settings(self)  # type: ignore[arg-type]  # every aggregator is a dataclass

    @property
    def updates_max(self) -> int:
        """The number of files that can be open at once."""
        return limits.kept_updates_max

    def select(self, updates: Sequence[Update]) -> Sequence[Update]:
        """Return all updates unchanged; see `Rule.select`."""
        return updates

    def partial(self, structure: Structure) -> KeptUpdates:
        """Return an empty partial for models of this structure."""
        return KeptUpdates(structure, self)

    def load(self, path: Path, structure: Structure) -> KeptUpdates:
        """Read a saved partial; see `Aggregator.load`."""
        return self.partial(structure).loaded(path)
