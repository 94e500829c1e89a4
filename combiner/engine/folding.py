"""The numbers of a round: updates into a partial, partials into one. For worker threads."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from fednet import limits
from fednet.aggregation import Aggregator, Partial, check_weight
from fednet.codecs import encoded_bytes_max
from fednet.errors import InvalidModel
from fednet.parameters import ModelFile, ModelFormat, Structure, check_finite, check_structure

from .private_updates import PrivateUpdates

_BYTES_PER_NUMBER = 8  # the widest dtype: an update may come in another than the model's
_ARRAY_OVERHEAD_BYTES = limits.array_header_bytes_max + limits.KIB  # and its place in the archive


def structure_of(model: Path, form: ModelFormat) -> Structure:
    """Return the structure of a model file of this format."""
    with form.open(model) as opened:
        return opened.structure


class Openable(Protocol):
    """A form of files that can be opened as models."""

    def open(self, path: Path, *, expected_bytes: int | None = None) -> ModelFile:
        """Open a file and check its form; see `fednet.parameters.open_model` for the errors."""


class Folding:
    """The updates that one phase has folded so far; it folds one at a time, whole or not at all.

    Args:
        aggregator: The aggregator that makes a partial of updates.
        structure: The structure of the global model, which each update must have.
        form: Opens the updates' files.
        examples_max: The largest number of examples for which an update counts; None for no other limit than that of
            all updates.
        private: Clips the updates, which then all count alike; None without differential privacy.
        is_masked: True if updates are words of a ring: they come in just the dtypes of the structure, and count alike.

    Attributes:
        partial: The updates folded so far.
        counts_alike: True if each update has the weight 1, and nobody is told what its client says of it.
        update_bytes_max: No file larger than this can be an update.
    """

    def __init__(
        self,
        aggregator: Aggregator,
        structure: Structure,
        form: Openable,
        examples_max: float | None = None,
        private: PrivateUpdates | None = None,
        *,
        is_masked: bool = False,
    ) -> None:
        self._structure = structure
        self._private = private
        self.counts_alike = is_masked or private is not None
        self._examples_max = examples_max
        self._form = form
        widest = structure.nbytes if is_masked else _BYTES_PER_NUMBER * structure.size
        self._numbers_bytes_max = widest
        self._lock = threading.Lock()
        self.partial: Partial = aggregator.partial(structure)
        overhead = limits.KIB + _ARRAY_OVERHEAD_BYTES * len(structure.arrays)
        encoded = 0 if is_masked else encoded_bytes_max(structure)
        self.update_bytes_max = max(widest + overhead, encoded)

    def fold(self, update: Path, num_examples: float | None, metadata: Mapping[str, Any]) -> float:
        """Check an update and fold it.

        Args:
            update: The file as it lies in the spool.
            num_examples: Its weight, as the client gave it.
            metadata: Everything else that the client said of its training.

        Returns:
            The weight.

        Raises:
            InvalidModel: It is not acceptable; nothing was folded.
            LimitExceeded: The aggregator has no room for one more; nothing was folded.
        """
        if num_examples is None:
            raise InvalidModel(
                "The update has no num_examples: return it from train.", field="num_examples"
            )
        weight = self._weight_of(num_examples)
        if not update.exists():
            raise InvalidModel("The update was never uploaded: upload it before its result.")
        # A little more than it may take, so that of most wrong shapes the array can be named.
        bytes_max = self._numbers_bytes_max + limits.MIB
        with self._form.open(update, expected_bytes=bytes_max) as opened:
            opened.arrange(self._structure)
            check_structure(opened.structure, self._structure)
            check_finite(opened.arrays, self._structure, limits.update_digits_max)
            arrays = self._private.clipped(opened.arrays) if self._private else opened.arrays
            with self._lock:
                self.partial.accumulate(arrays, weight, metadata)
        return weight

    def _weight_of(self, num_examples: float) -> float:
        check_weight(num_examples)
        if self.counts_alike:
            return 1.0
        return num_examples if self._examples_max is None else min(num_examples, self._examples_max)


def merged(aggregator: Aggregator, structure: Structure, partials: Sequence[Partial]) -> Partial:
    """Merge partials in the order given; they stay as they are.

    Args:
        aggregator: The aggregator that merges them.
        structure: The structure of the global model.
        partials: At least one; loaded ones are mapped from their files, not held in memory.
    """
    first, *others = partials
    if not others:
        return first
    total = aggregator.partial(structure)
    for partial in (first, *others):
        total.merge(partial)
    return total
