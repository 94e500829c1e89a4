"""What clients say, before anything is done with it: bounded, of the right kind, and JSON where it must be."""

from __future__ import annotations

import json
import math
from typing import Any

from fednet import limits
from fednet.errors import InvalidInput
from fednet.wire import rounds_pb2, tasks_pb2

from .round import Failed, ResultArrived, Why

_OUTCOMES = {
    tasks_pb2.TRAIN: "update",
    tasks_pb2.VALIDATE: "validation",
    tasks_pb2.PREDICT: "prediction",
}


def capabilities_of(hello: tasks_pb2.Hello) -> rounds_pb2.Capabilities:
    """What a client can do, each kind of task once; kinds of a later version are left out."""
    known = set(hello.kinds) & set(tasks_pb2.TaskKind.values())
    return rounds_pb2.Capabilities(needs_package=hello.needs_package, kinds=sorted(known))


def event_of(kind: tasks_pb2.TaskKind, result: tasks_pb2.TaskResult) -> ResultArrived | Failed:
    """What an answer means for a phase.

    Args:
        kind: What the phase asks for.
        result: The client's answer.
    """
    if result.WhichOneof("outcome") == "failure":
        message = result.failure.message[: limits.text_characters_max]
        traceback = result.failure.traceback[-limits.traceback_characters_max :]
        return Failed(result.task_id, message, traceback)
    try:
        _check_outcome(kind, result)
    except InvalidInput as error:
        return Failed(result.task_id, error.message, why=Why.REFUSED)
    return ResultArrived(result.task_id)


def log_record_of(record: tasks_pb2.LogRecord) -> tasks_pb2.LogRecord:
    """A client's log record, its text bounded; a level of a later version becomes INFO."""
    is_known = record.level in tasks_pb2.LogRecord.Level.values()
    return tasks_pb2.LogRecord(
        level=record.level if is_known else tasks_pb2.LogRecord.INFO,
        text=record.text[: limits.text_characters_max],
    )


def seconds_of(seconds: float) -> float:
    """A duration that a client measured; 0 for what is none."""
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0


def _check_outcome(kind: tasks_pb2.TaskKind, result: tasks_pb2.TaskResult) -> None:
    asked, given = _OUTCOMES.get(kind), result.WhichOneof("outcome")
    if given != asked:
        raise InvalidInput(
            f"The task asks for the outcome {asked!r}, and the answer holds {given!r}.",
            field="outcome",
        )
    if given == "validation":
        _check_json_object(result.validation.metrics_json, "metrics")
    elif given == "prediction":
        _check_json_object(result.prediction.result_json, "predictions")
    elif result.update.metadata_json:
        _check_json_object(result.update.metadata_json, "metadata")


def _check_json_object(text: str, field: str) -> None:
    if len(text.encode()) > limits.json_bytes_max:
        raise InvalidInput(
            f"The {field} are more than {limits.json_bytes_max} bytes of JSON: return less.",
            field=field,
        )
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The {field} are no JSON: {error}.", field=field) from error
    if not isinstance(value, dict):
        raise InvalidInput(
            f"The {field} must be a JSON object, names and their values.", field=field
        )


def _finite(number: str) -> Any:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"{number[:20]} is no finite number")
    return value
