"""The class that users implement to train models, in the form of Xaynet's Python SDK."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

TrainingResult = TypeVar("TrainingResult")
TrainingInput = TypeVar("TrainingInput")


class ParticipantABC(ABC, Generic[TrainingInput, TrainingResult]):
    """A user's training. All methods are called in the thread of the participant, one at a time.

    An exception in a method ends the participant; its log has the traceback.
    """

    @abstractmethod
    def train_round(self, training_input: TrainingInput | None) -> TrainingResult:
        """Train a model, once in each round in which the participant has the update task.

        The result belongs to its round: if the round is over when it is ready, it is dropped.

        Args:
            training_input: The deserialized global model; None if there is none yet, usually in the first round. Then
                the weights of the model should be initialized and returned.

        Returns:
            The local model.
        """

    @abstractmethod
    def serialize_training_result(self, training_result: TrainingResult) -> Any:
        """Return the local model as a list of numbers, or as a NumPy array of shape (n,).

        If the length or the type is not the coordinator's, the participant takes no further part in the round, and the
        log has the error.

        Args:
            training_result: The result of `train_round`.

        Returns:
            The elements, of the data type of the coordinator's configuration.
        """

    @abstractmethod
    def deserialize_training_input(self, global_model: list[Any]) -> TrainingInput:
        """Return the input of `train_round`. It is not called if there is no global model yet.

        Args:
            global_model: The elements: Python's floats or ints, by the coordinator's configuration.
        """

    def participate_in_update_task(self) -> bool:
        """Return True to train in this round; it is asked again after each pause until the round is over.

        It is called only if the participant has the update task. By default it returns True.
        """
        return True

    def on_new_global_model(self, global_model: TrainingInput | None) -> None:
        """Take note of a new global model, once in each round.

        Args:
            global_model: The deserialized global model; None if there is none yet.
        """

    def on_stop(self) -> None:
        """Take note of the end, before the participant's thread ends."""
