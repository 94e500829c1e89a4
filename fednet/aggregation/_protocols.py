"""What an aggregator is, and what it owes to those who use it.

Whoever adds one inherits from these two and so takes the defaults. It is installed under its name
by an entry point of the group `fednet.aggregators`; see `docs/aggregators.md`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from fednet.parameters import Structure

NO_METADATA: Final[Mapping[str, Any]] = MappingProxyType({})


class Partial(Protocol):
    """What has been folded so far, of the updates of one round.

    Updates may be accumulated in any order, split over any number of partials, and these merged in
    any order: what `advance` and `finish` give does not depend on it.

    One thread at a time may use it.

    Attributes:
        weight: The sum of the weights, in examples.
        updates: How many updates have been folded.
    """

    weight: float
    updates: int

    def accumulate(
        self,
        arrays: Sequence[np.ndarray[Any, Any]],
        weight: float,
        metadata: Mapping[str, Any] = NO_METADATA,
    ) -> None:
        """Fold one update in, or refuse it and stay as it was.

        Args:
            arrays: The update's parameters, in the shapes of the global model; only read. They are
                views into a file that stays as long as they are held: a partial may keep them
                instead of copies. That they are finite is for the caller to check
                (`fednet.parameters.check_finite`).
            weight: How many examples it was trained on; finite and above zero.
            metadata: What else the client said of its training: JSON values, not to be trusted.
                Only its `client_id` is the combiner's word.

        Raises:
            InvalidModel: The shapes, the weight or the metadata are not what they must be; for the
                weight, the field is `num_examples`.
            LimitExceeded: There is no room for one more.
        """

    def merge(self, other: Self) -> None:
        """Add another partial of the same aggregator and structure, which stays as it is.

        Raises:
            InvalidModel: The structures differ; nothing has been added.
            LimitExceeded: There is no room for that many.
        """

    def aged(
        self,
        base: Sequence[np.ndarray[Any, Any]],  # noqa: ARG002  for those who take stale updates
        staleness: int,  # noqa: ARG002
    ) -> Self:
        """The same updates, known to begin with an older model; this partial stays as it is.

        Args:
            base: The arrays of the model that they were trained on, views that stay as those of
                updates do.
            staleness: How many rounds ago that was the newest model; at least 1.

        Returns:
            What is merged in its place; by default the partial itself, whatever its age.

        Raises:
            InvalidModel: The base is of another structure.
        """
        return self

    def advance(
        self,
        base: Sequence[np.ndarray[Any, Any]],  # noqa: ARG002  for those who remember something
        state: Sequence[np.ndarray[Any, Any]] | None,  # noqa: ARG002
    ) -> Iterable[np.ndarray[Any, Any]] | None:
        """What the aggregator will remember after this round; None where that is nothing.

        Args:
            base: The arrays of the model that the round began with.
            state: What it remembered before; None in the first round.

        Returns:
            The arrays that the next round is given as its state, made one at a time.

        Raises:
            FailedPrecondition: Too few updates have been folded.
            InvalidModel: The state is not one of this aggregator and structure; on the way: a
                number is none.
        """
        return None

    def finish(
        self,
        base: Sequence[np.ndarray[Any, Any]],
        state: Sequence[np.ndarray[Any, Any]] | None,
    ) -> Iterable[np.ndarray[Any, Any]]:
        """The new model's arrays, made one at a time; the partial stays as it is.

        Args:
            base: The arrays of the model that the round began with.
            state: What `advance` gave for this round, read again from where it was stored.

        Raises:
            FailedPrecondition: Too few updates have been folded.
            InvalidModel: On the way: a number of the new model is none.
        """

    def save(self, path: Path) -> None:
        """Write the partial to a file, whole or not at all.

        Raises:
            NotFound: The folder does not exist.
            Unavailable: The file cannot be written.
        """


class Aggregator(Protocol):
    """A way to aggregate: a frozen dataclass whose fields are its settings; holds no state."""

    @property
    def name(self) -> str:
        """The name under which a session asks for it."""

    @property
    def updates_min(self) -> int:
        """How many updates a round needs at the least."""
        return 1

    @property
    def updates_max(self) -> int | None:
        """How many updates a round may have at the most; None where it takes any number."""
        return None

    @property
    def staleness_max(self) -> int:
        """How many rounds an update may be behind.

        With 0, a late update counts for nothing. With more, clients train without waiting for each
        other: an update counts in whatever round it comes, and its partial is told by `aged`.
        """
        return 0

    @property
    def client_settings(self) -> Mapping[str, Any]:
        """What clients are told with each training task, in their settings: JSON values."""
        return NO_METADATA

    def partial(self, structure: Structure) -> Partial:
        """An empty partial for models of this structure."""

    def load(self, path: Path, structure: Structure) -> Partial:
        """Read a saved partial. It is viewed in its file, and copied only when it is added to.

        Raises:
            InvalidModel: The file is no partial of this aggregator and structure.
            NotFound: There is no such file.
            Unavailable: It cannot be read.
        """
