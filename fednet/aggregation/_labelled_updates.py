"""Updates with their client and its metadata, for server functions that make the model.

A saved partial is that of kept updates, with one more array at the end, uint8: the labels as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fednet import limits
from fednet.aggregation._kept_updates import Kept
from fednet.aggregation._protocols import NO_METADATA, Aggregator
from fednet.aggregation._rounding import round_into
from fednet.errors import FailedPrecondition, InvalidModel
from fednet.parameters import Structure, blocks, check_finite, check_structure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_Array = np.ndarray[Any, Any]
_Label = tuple[str, dict[str, Any]]


class LabelledUpdates(Kept):
    """The updates of a round, each with its label.

    Attributes:
        labels: The label of each update, in their order: the id of its client and the metadata of the training, with
            its `num_examples`.
    """

    def __init__(self, structure: Structure) -> None:
        super().__init__(structure)
        self.labels: list[_Label] = []

    def accumulate(
        self,
        arrays: Sequence[_Array],
        weight: float,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> None:
        """Keep the update and its label; see `Partial.accumulate`."""
        super().accumulate(arrays, weight)
        said = {key: value for key, value in metadata.items() if key != "client_id"}
        self.labels.append((metadata["client_id"], {**said, "num_examples": weight}))

    def merge(self, other: Self) -> None:
        """Keep the other partial's updates and labels, too; see `Partial.merge`."""
        super().merge(other)
        self.labels += other.labels

    def finish(
        self,
        base: Sequence[_Array] = (),  # noqa: ARG002
        state: Sequence[_Array] | None = None,  # noqa: ARG002
    ) -> Iterator[_Array]:
        """Refuse: server functions make the model."""
        raise FailedPrecondition(
            "This partial only keeps updates; server functions make their model."
        )

    def in_dtypes(self, made: Sequence[_Array]) -> Iterator[_Array]:
        """Yield a model made of the updates, in the dtypes of the global model.

        Raises:
            InvalidModel: The model has other arrays, or numbers that are not finite.
        """
        check_structure(Structure.of(made), self.structure)
        check_finite(made)
        return (
            _rounded(array, spec.dtype)
            for array, spec in zip(made, self.structure.arrays, strict=True)
        )

    def notes(self) -> list[_Array]:
        """Return the weights, and the labels as JSON."""
        text = json.dumps(self.labels).encode()
        return [*super().notes(), np.frombuffer(text, np.uint8)]

    def take_notes(self, arrays: list[_Array]) -> list[dict[str, Any]]:
        """Return the label of each update as its metadata."""
        text = arrays.pop().tobytes()
        try:
            labels = [(str(client), dict(said)) for client, said in json.loads(text)]
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidModel(
                "The saved partial has no labels. Aggregate the round again."
            ) from error
        return [{**said, "client_id": client} for client, said in labels]


@dataclass(frozen=True)
class Collecting(Aggregator):
    """An aggregator that keeps the updates with their labels; no session can request it by name."""

    name: ClassVar[str] = "server_functions"

    @property
    def updates_max(self) -> int:
        """The number of files that can be open at once."""
        return limits.kept_updates_max

    def partial(self, structure: Structure) -> LabelledUpdates:
        """Return an empty partial for models of this structure."""
        return LabelledUpdates(structure)

    def load(self, path: Path, structure: Structure) -> LabelledUpdates:
        """Read a saved partial; see `Aggregator.load`."""
        return self.partial(structure).loaded(path)


def _rounded(array: _Array, dtype: str) -> _Array:
    rounded = np.empty(array.shape, dtype)
    for exact, target in blocks(array, rounded):
        is_float = target.dtype.kind == "f" or exact.dtype.kind == "f"
        round_into(target, exact.astype(np.float64 if is_float else exact.dtype))
    return rounded
