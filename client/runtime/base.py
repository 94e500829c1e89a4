"""The interface between an agent and a client's code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path


class Runtime(Protocol):
    """The code of one client; it runs one task at a time and is called from one thread.

    `begin_task` begins each task; then `cancel` holds until the next one, also before the code has begun.

    Attributes:
        kinds: The names of its task kinds: "TRAIN", "VALIDATE", "PREDICT".
        needs_package: True if its code comes as a package.
    """

    kinds: frozenset[str]
    needs_package: bool

    @property
    def is_ready(self) -> bool:
        """True if tasks can begin without preparation."""

    def make_ready(self) -> None:
        """Prepare for tasks, which may take long; `cancel` does not end it, `close` does.

        Raises:
            TaskFailed: The preparation failed.
        """

    def begin_task(self) -> None:
        """Forget the cancel of an earlier task."""

    def train(
        self, model: Path, update: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """Train on the client's data.

        Args:
            model: The file of the global model.
            update: The path for the update's file, which this call writes.
            settings: The session's settings for clients, JSON values.
            helper: The name of the format of both files.

        Returns:
            The update's metadata: JSON values with `num_examples`.

        Raises:
            TaskFailed: The client's code failed, or was cancelled.
        """

    def validate(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """Evaluate a model on the client's data; the arguments are those of `train`.

        Returns:
            The metrics: JSON scalars by name.

        Raises:
            TaskFailed: The client's code failed, or was cancelled.
        """

    def predict(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """Predict with a model on the client's data; the arguments are those of `train`.

        Returns:
            The predictions: JSON values by name.

        Raises:
            TaskFailed: The client's code failed, or was cancelled.
        """

    def cancel(self) -> None:
        """End the task soon, or as soon as its code would begin; call it from another thread."""

    def close(self) -> None:
        """End running code and release all resources."""
