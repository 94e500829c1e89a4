"""The interfaces of aggregators and partials.

A new aggregator inherits from both, and so has their defaults. It is installed under its name by an entry point of the
group `fednet.aggregators`; see `docs/aggregators.md`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from fednet.aggregation._spare_memory import SpareMemory
    from fednet.parameters import BlockArray, Structure

NO_METADATA: Final[Mapping[str, Any]] = MappingProxyType({})


class Partial(Protocol):
    """The fold of some updates of one round.

    Updates may be accumulated in any order, split over any number of partials, and these merged in any order: the
    results of `advance` and `finish` are the same.

    One thread at a time may use a partial.

    Attributes:
        weight: The sum of the weights, in examples.
        updates: The number of folded updates.
    """

    weight: float
    updates: int

    def work_in(self, memory: SpareMemory) -> None:  # noqa: ARG002  for partials with large arrays
        """Take the memory of large arrays from there, before the first update; by default from the system."""
        return

    def accumulate(
        self,
        arrays: Sequence[np.ndarray[Any, Any]],
        weight: float,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> None:
        """Fold one update in, or refuse it and stay unchanged.

        Args:
            arrays: The update's parameters, in the shapes of the global model, read-only. They are views
                into a file that stays as long as they are used, so a partial may keep them without a copy. The caller
                has checked that they are finite (`fednet.parameters.check_finite`).
            weight: The number of training examples; finite and above zero.
            metadata: The client's further JSON values about its training; not to be trusted, except for `client_id`,
                which the combiner sets.

        Raises:
            InvalidModel: The shapes, the weight or the metadata are invalid; for the weight, the field is
                `num_examples`.
            LimitExceeded: The partial has no room for another update.
        """

    def merge(self, other: Self) -> None:
        """Add another partial of the same aggregator and structure, which stays unchanged.

        Raises:
            InvalidModel: The structures differ; nothing is added.
            LimitExceeded: The partial has no room for so many updates.
        """

    def aged(
        self,
        base: Sequence[np.ndarray[Any, Any]],  # noqa: ARG002  for aggregators that take stale updates
        staleness: int,  # noqa: ARG002
    ) -> Self:
        """Return the same updates with an older base; this partial stays unchanged.

        Args:
            base: The arrays of the model with which the training began, as views that stay like those of updates.
            staleness: The number of rounds since that was the newest model; at least 1.

        Returns:
            The partial to merge instead; by default this partial, whatever its age.

        Raises:
            InvalidModel: The base has another structure.
        """
        return self

    def advance(
        self,
        base: Sequence[np.ndarray[Any, Any]],  # noqa: ARG002  for aggregators with a memory
        state: Sequence[np.ndarray[Any, Any]] | None,  # noqa: ARG002
    ) -> Iterable[np.ndarray[Any, Any]] | None:
        """Return the aggregator's memory after this round; None if it has no memory.

        Args:
            base: The arrays of the model with which the round began.
            state: The memory before this round; None in the first round.

        Returns:
            The arrays that the next round gets as its state, one at a time.

        Raises:
            FailedPrecondition: The partial has too few updates.
            InvalidModel: The state belongs to another aggregator or structure; during the iteration: a number is not
                finite.
        """
        return None

    def finish(
        self,
        base: Sequence[np.ndarray[Any, Any]],
        state: Sequence[np.ndarray[Any, Any]] | None,
    ) -> Iterable[np.ndarray[Any, Any]]:
        """Yield the new model's arrays one at a time; the partial stays unchanged.

        Args:
            base: The arrays of the model with which the round began.
            state: The result of `advance` for this round, read from its store.

        Raises:
            FailedPrecondition: The partial has too few updates.
            InvalidModel: During the iteration: a number of the new model is not finite.
        """

    def finish_in_blocks(
        self,
        base: Sequence[np.ndarray[Any, Any]],
        state: Sequence[np.ndarray[Any, Any]] | None,
    ) -> Iterable[np.ndarray[Any, Any] | BlockArray]:
        """Yield the new model's arrays to be written, each once: by default those of `finish`.

        A partial that makes an array while it is written needs no memory for it. Arguments and errors are those of
        `finish`.
        """
        return self.finish(base, state)

    def save(self, path: Path) -> None:
        """Write the partial to a file, whole or not at all.

        Raises:
            NotFound: The folder does not exist.
            Unavailable: The file cannot be written.
        """


class Aggregator(Protocol):
    """A method of aggregation: a frozen dataclass whose fields are its settings; it holds no state."""

    @property
    def name(self) -> str:
        """The name by which a session requests it."""

    @property
    def updates_min(self) -> int:
        """The smallest number of updates of a round."""
        return 1

    @property
    def updates_max(self) -> int | None:
        """The largest number of updates of a round; None for any number."""
        return None

    @property
    def reads_blocks(self) -> bool:
        """True if its partials read an update only by `fednet.parameters.blocks`, and keep none of its arrays.

        Then the arrays may be `fednet.parameters.BlockArray`, which are decoded a block at a time.
        """
        return False

    @property
    def supports_privacy(self) -> bool:
        """True if its partials are `WeightedMean`, and make the model of nothing but the mean of the updates.

        Then a model of noisy sums is differentially private, whatever is done with the mean. Updates that all have the
        weight 1 count alike in it.
        """
        return False

    @property
    def staleness_max(self) -> int:
        """The largest number of rounds that an update may be behind.

        With 0, late updates do not count. With more, clients train without waiting for each other: an update counts in
        the round in which it arrives, and `aged` tells its partial.
        """
        return 0

    @property
    def client_settings(self) -> Mapping[str, Any]:
        """The settings of each training task that come from the aggregator: JSON values."""
        return NO_METADATA

    def partial(self, structure: Structure) -> Partial:
        """Return an empty partial for models of this structure."""

    def load(self, path: Path, structure: Structure) -> Partial:
        """Read a saved partial, as views into its file; they are copied when something is added.

        Raises:
            InvalidModel: The file is not a partial of this aggregator and structure.
            NotFound: The file does not exist.
            Unavailable: The file cannot be read.
        """
