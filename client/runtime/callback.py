"""The runtime of functions in the user's own process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fednet.errors import InvalidModel, TaskFailed
from fednet.host import check_metrics, check_predictions, check_signature, check_update
from fednet.parameters import Parameters, model_format

from .calls import Calls

if TYPE_CHECKING:
    from pathlib import Path

Result = TypeVar("Result")
_Arrays = Sequence[np.ndarray] | Mapping[str, np.ndarray]
TrainFunction = Callable[[Parameters, dict[str, Any]], tuple[_Arrays, Mapping[str, Any]]]
ValidateFunction = Callable[[Parameters, dict[str, Any]], Mapping[str, Any]]
PredictFunction = Callable[[Parameters, dict[str, Any]], Mapping[str, Any]]


class CallbackRuntime:
    """The runtime of a user's functions; each call has a thread of its own, so that a task can be cancelled.

    Args:
        train: `train(parameters, settings)`; returns the new parameters, a list of arrays or a dict
            of arrays by name, and a dict with `num_examples`. None for a client that does not train.
        validate: `validate(parameters, settings)`; returns a dict of metrics. None for a client
            that does not validate.
        predict: `predict(parameters, settings)`; returns a dict of JSON values and arrays. None for
            a client that does not predict.

    Raises:
        InvalidInput: A function cannot be called with these two arguments.
    """

    needs_package = False
    is_ready = True

    def __init__(
        self,
        train: TrainFunction | None,
        validate: ValidateFunction | None,
        predict: PredictFunction | None = None,
    ) -> None:
        functions = {"train": train, "validate": validate, "predict": predict}
        given = {name: each for name, each in functions.items() if each is not None}
        for name, function in given.items():
            check_signature(name, function)
        self.kinds = frozenset(name.upper() for name in given)
        self._train = train
        self._validate = validate
        self._predict = predict
        self._calls = Calls()

    def make_ready(self) -> None:
        """See `Runtime.make_ready`; functions need no preparation."""

    def begin_task(self) -> None:
        """See `Runtime.begin_task`."""
        self._calls.begin_task()

    def train(
        self, model: Path, update: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.train`."""
        arrays, metadata = self._call("train", self._train, check_update, model, settings, helper)
        try:
            with update.open("wb") as file:  # the update counts only when its answer is kept
                model_format(helper).write_to(file, arrays)
        except InvalidModel as error:
            raise TaskFailed(f"The train function's parameters: {error}") from error
        return metadata

    def validate(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.validate`."""
        return self._call("validate", self._validate, _metrics, model, settings, helper)

    def predict(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.predict`."""
        return self._call("predict", self._predict, _predictions, model, settings, helper)

    def cancel(self) -> None:
        """See `Runtime.cancel`; code that holds the interpreter is cancelled when it releases it."""
        self._calls.cancel()

    def close(self) -> None:
        """See `Runtime.close`."""
        self._calls.cancel()

    def _call(
        self,
        name: str,
        function: Callable[..., Any] | None,
        check: Callable[[Any, Sequence[str]], Result],
        model: Path,
        settings: dict[str, Any],
        helper: str,
    ) -> Result:
        """Call a function with a model and return its checked result."""
        return self._calls.call(
            f"The {name} function",
            lambda: model_format(helper).view(model),
            lambda parameters: check(
                _known(name, function)(parameters, settings), parameters.names
            ),
        )


def _metrics(answer: object, _names: Sequence[str]) -> dict[str, Any]:
    return check_metrics(answer)


def _predictions(answer: object, _names: Sequence[str]) -> dict[str, Any]:
    return check_predictions(answer)


def _known(name: str, function: Callable[..., Any] | None) -> Callable[..., Any]:
    if function is None:
        raise TaskFailed(f"This client has no {name} function: register one.")
    return function
