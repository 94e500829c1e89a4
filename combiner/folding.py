"""Updates into a partial, partials into a model: what of a round touches numbers. For worker threads."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from pathlib import Path

from fednet.aggregation import Aggregator, Partial
from fednet.errors import InvalidModel
from fednet.parameters import Structure, check_finite, check_structure, open_model, write_model


def structure_of(model: Path) -> Structure:
    """The structure of a model file."""
    with open_model(model) as opened:
        return opened.structure


class Folding:
    """What one phase has folded so far; folds one update at a time, whole or not at all.

    Args:
        aggregator: How updates become a partial.
        structure: What an update must look like: the structure of the global model.
    """

    def __init__(self, aggregator: Aggregator, structure: Structure) -> None:
        self._structure = structure
        self._lock = threading.Lock()
        self.partial: Partial = aggregator.partial(structure)

    def fold(self, update: Path, num_examples: float | None) -> float:
        """Check an update and fold it.

        Args:
            update: The file as it lies in the spool.
            num_examples: Its weight, as the client gave it.

        Returns:
            The weight.

        Raises:
            InvalidModel: It is not acceptable; nothing was folded.
        """
        weight = _checked_weight(num_examples)
        with open_model(update) as opened:
            check_structure(opened.structure, self._structure)
            check_finite(opened.arrays)
            with self._lock:
                self.partial.accumulate(opened.arrays, weight)
        return weight


def _checked_weight(num_examples: float | None) -> float:
    if num_examples is None:
        raise InvalidModel(
            "The update has no num_examples: return it from train.", field="num_examples"
        )
    if not math.isfinite(num_examples) or num_examples <= 0:
        raise InvalidModel(
            f"num_examples is {num_examples}; it must be a finite number above 0.",
            field="num_examples",
        )
    return num_examples


def write_mean(
    aggregator: Aggregator, structure: Structure, partials: Iterable[Partial], target: Path
) -> None:
    """Merge partials in the order given and write the model that they make; the partials stay as they are.

    Args:
        aggregator: How partials are merged.
        structure: The structure of the global model.
        partials: At least one; each is taken when its turn comes.
        target: Where to write the model, as npz.
    """
    first, *others = partials
    merged = first
    if others:
        merged = aggregator.partial(structure)
        for partial in (first, *others):
            merged.merge(partial)
    write_model(target, merged.finish())
