"""Runs tasks as functions of the user's own process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fednet.errors import InvalidModel, TaskFailed
from fednet.host import check_metrics, check_predictions, check_update
from fednet.parameters import model_format

from .calls import Calls

if TYPE_CHECKING:
    from pathlib import Path

Parameters = list[np.ndarray]
TrainFunction = Callable[
    [Parameters, dict[str, Any]], tuple[Sequence[np.ndarray], Mapping[str, Any]]
]
ValidateFunction = Callable[[Parameters, dict[str, Any]], Mapping[str, Any]]
PredictFunction = Callable[[Parameters, dict[str, Any]], Mapping[str, Any]]


class CallbackRuntime:
    """Calls the user's functions, each in a thread of its own, so that a task can be given up.

    Args:
        train: `train(parameters, settings)`; returns the new parameters as a list of arrays and a
            dict with `num_examples`. None for a client that does not train.
        validate: `validate(parameters, settings)`; returns a dict of metrics. None for a client
            that does not validate.
        predict: `predict(parameters, settings)`; returns a dict of JSON values and arrays. None for
            a client that does not predict.
    """

    needs_package = False

    def __init__(
        self,
        train: TrainFunction | None,
        validate: ValidateFunction | None,
        predict: PredictFunction | None = None,
    ) -> None:
        functions = {"TRAIN": train, "VALIDATE": validate, "PREDICT": predict}
        self.kinds = frozenset(kind for kind, function in functions.items() if function)
        self._train = train
        self._validate = validate
        self._predict = predict
        self._calls = Calls()

    def train(
        self, model: Path, update: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.train`."""
        form = model_format(helper)

        def task() -> tuple[Parameters, dict[str, Any]]:
            return check_update(_known("train", self._train)(form.load(model), settings))

        arrays, metadata = self._calls.call("The train function", task)
        try:
            with update.open("wb") as file:  # it counts once its answer is kept, not before
                form.write_to(file, arrays)
        except InvalidModel as error:
            raise TaskFailed(f"The train function's parameters: {error}") from error
        return metadata

    def validate(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.validate`."""
        form = model_format(helper)

        def task() -> dict[str, Any]:
            return check_metrics(_known("validate", self._validate)(form.load(model), settings))

        return self._calls.call("The validate function", task)

    def predict(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.predict`."""
        form = model_format(helper)

        def task() -> dict[str, Any]:
            return check_predictions(_known("predict", self._predict)(form.load(model), settings))

        return self._calls.call("The predict function", task)

    def cancel(self) -> None:
        """See `Runtime.cancel`; code that holds the interpreter is given up when it lets go."""
        self._calls.cancel()

    def close(self) -> None:
        """See `Runtime.close`."""
        self._calls.cancel()


def _known(name: str, function: Callable[..., Any] | None) -> Callable[..., Any]:
    if function is None:
        raise TaskFailed(f"This client has no {name} function: register one.")
    return function
