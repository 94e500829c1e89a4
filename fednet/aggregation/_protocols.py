"""What an aggregator is, and what it owes to those who use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np

    from fednet.parameters import Structure


class Partial(Protocol):
    """What has been folded so far: a weighted sum and its weight.

    One thread at a time may use it.

    Attributes:
        weight: The sum of the weights, in examples.
        updates: How many updates have been folded.
    """

    weight: float
    updates: int

    def accumulate(self, arrays: Sequence[np.ndarray[Any, Any]], weight: float) -> None:
        """Fold one update in, or refuse it and stay as it was.

        Args:
            arrays: The update's parameters, in the shapes of the global model; only read. That
                they are finite is for the caller to check (`fednet.parameters.check_finite`).
            weight: How many examples it was trained on; finite and above zero.

        Raises:
            InvalidModel: The shapes or the weight are not that; for the weight, the field is
                `num_examples`.
        """

    def merge(self, other: Self) -> None:
        """Add another partial of the same aggregator and structure, which stays as it is.

        Raises:
            InvalidModel: The structures differ; nothing has been added.
        """

    def finish(self) -> Iterator[np.ndarray[Any, Any]]:
        """The new model's arrays, made one at a time; the partial stays as it is.

        Raises:
            FailedPrecondition: Nothing has been folded.
            InvalidModel: On the way: an array's mean is not a number.
        """

    def save(self, path: Path) -> None:
        """Write the partial to a file, whole or not at all.

        Raises:
            NotFound: The folder does not exist.
            Unavailable: The file cannot be written.
        """


class Aggregator(Protocol):
    """A way to aggregate, with its settings; holds no state."""

    @property
    def name(self) -> str:
        """The name under which a session asks for it."""

    def partial(self, structure: Structure) -> Partial:
        """An empty partial for models of this structure."""

    def load(self, path: Path, structure: Structure) -> Partial:
        """Read a saved partial. It is viewed in its file, and copied only when it is added to.

        Raises:
            InvalidModel: The file is no partial of this aggregator and structure.
            NotFound: There is no such file.
            Unavailable: It cannot be read.
        """
