"""Checks the answers of a client's code, and turns them into plain JSON values.

Numbers may be NaN or infinite here: the agent stores such a number as null and reports it (`fednet.json_values`).
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from fednet import limits
from fednet.errors import InvalidModel, TaskFailed
from fednet.json_values import in_words, storable
from fednet.parameters import in_order

Array = np.ndarray[Any, Any]

_TRAIN_HELP = 'return a list of arrays and a dict: return parameters, {"num_examples": 120}'
_EXAMPLES_HELP = 'return the number of training examples, such as {"num_examples": 120}'


def check_update(
    answer: object, names: Sequence[str] | None = None
) -> tuple[list[Array], dict[str, Any]]:
    """Return the parameters and the metadata of a train function's answer.

    Args:
        answer: The parameters, as a list or as a dict of arrays by name, and the metadata.
        names: The names of the model's arrays in their order; None if they are unknown, and a dict is refused.

    Raises:
        TaskFailed: The answer is not a pair of arrays of numbers and valid metadata.
    """
    if not isinstance(answer, tuple) or len(answer) != 2:  # noqa: PLR2004 (a pair)
        raise TaskFailed(f"The train function did not return a pair: {_TRAIN_HELP}.")
    parameters, metadata = answer
    if isinstance(parameters, Mapping) and names is not None:
        parameters = _by_name(parameters, names)
    return _arrays(parameters), check_metadata(metadata)


def check_metadata(answer: object) -> dict[str, Any]:
    """Return the metadata of an update as JSON values.

    Raises:
        TaskFailed: The metadata is not a mapping of JSON values, or num_examples is not a finite number above 0.
    """
    metadata = _mapping(answer, f"The metadata of a training must be a dict: {_EXAMPLES_HELP}.")
    plain = {key: _plain(value, key) for key, value in metadata.items()}
    _check_examples(plain)
    return _bounded(plain, "metadata of a training")


def check_metrics(answer: object) -> dict[str, Any]:
    """Return the metrics of a validation as JSON scalars.

    Raises:
        TaskFailed: The answer is not a mapping of strings to JSON scalars.
    """
    metrics = _mapping(answer, 'A validation must return a dict, such as {"accuracy": 0.9}.')
    return _bounded({key: _scalar(value, key) for key, value in metrics.items()}, "metrics")


def check_predictions(answer: object) -> dict[str, Any]:
    """Return the answer of a predict function as JSON values; arrays become lists.

    Raises:
        TaskFailed: The answer is not a mapping of JSON values and arrays of numbers, or is too large.
    """
    predictions = _mapping(answer, 'A prediction must return a dict, such as {"labels": [0, 1]}.')
    plain = {key: _plain(value, key) for key, value in predictions.items()}
    return _bounded(plain, "predictions")


def storable_answer(answer: dict[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Return a checked answer as it can be stored: a value that no store takes counts as null.

    Args:
        answer: JSON values, in which numbers may be NaN or infinite.
        report: Called with one line about all values that had to change, if there are any.

    Raises:
        TaskFailed: The values are nested too deep.
    """
    try:
        clean, remarks = storable(answer)
    except ValueError as error:
        raise TaskFailed(f"The answer cannot be sent: {error}. Return flatter values.") from error
    if remarks:
        report(
            f"Values that cannot be stored count as null, and such characters as U+FFFD: {in_words(remarks)}."
        )
    return dict(clean)


def _by_name(parameters: Mapping[str, Array], names: Sequence[str]) -> list[Array]:
    try:
        return in_order(parameters, names)
    except InvalidModel as error:
        raise TaskFailed(f"The train function's parameters: {error.message}") from error


def _arrays(parameters: object) -> list[Array]:
    if not isinstance(parameters, list | tuple) or not parameters:
        raise TaskFailed(
            f"The train function returned {type(parameters).__name__} as parameters, or an empty list: "
            f"{_TRAIN_HELP}."
        )
    arrays = [np.asarray(array) for array in parameters]
    for index, array in enumerate(arrays):
        if array.dtype.kind not in "fiub":
            raise TaskFailed(
                f"Array {index} of the returned parameters has dtype {array.dtype}: return arrays "
                "of numbers."
            )
    return arrays


def _mapping(answer: object, help_text: str) -> Mapping[str, object]:
    if not isinstance(answer, Mapping) or not all(isinstance(key, str) for key in answer):
        raise TaskFailed(help_text)
    return answer


def _check_examples(metadata: dict[str, Any]) -> None:
    if "num_examples" not in metadata:
        raise TaskFailed(
            f"The metadata has no num_examples: {_EXAMPLES_HELP}.", field="num_examples"
        )
    count = metadata["num_examples"]
    if isinstance(count, bool) or not isinstance(count, int | float) or not _is_within(count):
        raise TaskFailed(
            f"num_examples is {reprlib.repr(count)}, and must be a number above 0 and at most "
            f"{limits.update_examples_max}: {_EXAMPLES_HELP}.",
            field="num_examples",
        )


def _is_within(count: float) -> bool:
    return 0 < count <= limits.update_examples_max


def _plain(value: object, key: str, level: int = 1) -> Any:
    """Return a value with its lists and mappings, if everything in it is JSON."""
    if level > limits.json_levels_max:
        raise TaskFailed(
            f"{key[: limits.name_characters_max]} is nested more than {limits.json_levels_max} levels deep: return "
            "flatter values.",
        )
    if isinstance(value, Mapping):
        return {
            str(name): _plain(inner, f"{key}.{name}", level + 1) for name, inner in value.items()
        }
    if isinstance(value, np.ndarray) and value.ndim:
        value = _listed(value, key)
    if isinstance(value, list | tuple):
        return [_plain(inner, f"{key}.{index}", level + 1) for index, inner in enumerate(value)]
    return _scalar(value, key)


def _listed(array: Array, key: str) -> list[Any]:
    """Return an array as lists, if they may be short enough."""
    if array.size > limits.json_bytes_max:
        raise TaskFailed(f"{key} has {array.size} numbers: return fewer.", field=key)
    listed: list[Any] = array.tolist()
    return listed


def _scalar(value: object, key: str) -> Any:
    plain = _as_python(value)
    if plain is not None and not isinstance(plain, str | bool | int | float):
        raise TaskFailed(
            f"{key} is of type {type(value).__name__}: return a number, a string, True, False or "
            "None.",
            field=key,
        )
    return plain


def _as_python(value: object) -> object:
    """Return a number of another kind as one of Python's: a NumPy scalar, a tensor, a Decimal, a large integer."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real | Decimal | np.longdouble):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return int(value)
    try:
        return float(value)
    except (OverflowError, ValueError):  # the second: a signalling NaN
        return math.inf


def _bounded(answer: dict[str, Any], what: str) -> dict[str, Any]:
    if len(json.dumps(answer)) > limits.json_bytes_max:
        raise TaskFailed(f"The {what} have more than {limits.json_bytes_max} bytes: return less.")
    return answer
