"""Messages of clients as values: bounded, of the right kind, with valid JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from fednet import limits
from fednet.errors import InvalidInput
from fednet.rpc import readiness_of
from fednet.update_codec import CODEC_PARTS
from fednet.wire import tasks_pb2

from ...machine.answers import (
    Answer,
    Exchange,
    Failure,
    Outcome,
    Prediction,
    Update,
    Validation,
    Why,
)
from ...machine.values import Capabilities, JsonObject, LogLevel, LogRecord, TaskKind
from .json_objects import json_object

_LEVELS: Final = {int(getattr(tasks_pb2.LogRecord, each)): each for each in LogLevel}


def capabilities_of(hello: tasks_pb2.Hello) -> Capabilities:
    """Return a client's abilities, each once; kinds of tasks and codecs of a later version are left out."""
    known = {int(tasks_pb2.TaskKind.Value(kind)): kind for kind in TaskKind}
    kinds = sorted(set(hello.kinds).intersection(known))
    return Capabilities(
        hello.needs_package,
        tuple(known[kind] for kind in kinds),
        frozenset(CODEC_PARTS).intersection(hello.codec_parts),
        readiness_of(hello.readiness),
    )


def answer_of(kind: TaskKind | None, result: tasks_pb2.TaskResult) -> Answer:
    """Return a client's answer; one that is not acceptable becomes a failure.

    Args:
        kind: The kind of the task; None for a task that is not here.
        result: The client's message.
    """
    return Answer(
        result.task_id,
        _outcome_of(kind, result),
        seconds_of(result.download_seconds),
        seconds_of(result.work_seconds),
        seconds_of(result.upload_seconds),
    )


def log_record_of(record: tasks_pb2.LogRecord) -> LogRecord:
    """Return a client's log record, its text bounded; a level of a later version becomes INFO."""
    level = _LEVELS.get(record.level, LogLevel.INFO)
    return LogRecord(record.text[: limits.text_characters_max], level, record.task_id)


def seconds_of(seconds: float) -> float:
    """Return a duration that a client measured; 0 for a number that is no duration."""
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0


def _outcome_of(kind: TaskKind | None, result: tasks_pb2.TaskResult) -> Outcome:
    given = result.WhichOneof("outcome")
    if given == "failure":
        return _failure(result.failure)
    asked, read = _READERS[kind] if kind else ("", _update)
    if given != asked:
        message = f"The task asks for the outcome {asked!r}, and the answer holds {given!r}."
        return Failure(message, why=Why.REFUSED)
    try:
        return read(result)
    except InvalidInput as error:
        return Failure(error.message, why=Why.REFUSED)


def _failure(failure: tasks_pb2.Failure) -> Failure:
    return Failure(
        failure.message[: limits.text_characters_max],
        failure.traceback[-limits.traceback_characters_max :],
        Why.WAITING_APPROVAL if failure.awaits_approval else Why.FAILED,
    )


def _update(result: tasks_pb2.TaskResult) -> Update:
    update = result.update
    examples = update.num_examples if update.HasField("num_examples") else None
    return Update(examples, _optional(update.metadata_json, "metadata"))


def _validation(result: tasks_pb2.TaskResult) -> Validation:
    return Validation(json_object(result.validation.metrics_json, "metrics"))


def _prediction(result: tasks_pb2.TaskResult) -> Prediction:
    return Prediction(json_object(result.prediction.result_json, "predictions"))


def _exchange(result: tasks_pb2.TaskResult) -> Exchange:
    exchange = result.exchange
    if len(exchange.value) > limits.exchange_bytes_max:
        raise InvalidInput(
            f"The exchange's value has {len(exchange.value)} bytes, and at most "
            f"{limits.exchange_bytes_max} are taken.",
            field="value",
        )
    return Exchange(_optional(exchange.value_json, "value_json"), exchange.value)


def _optional(text: str, field: str) -> JsonObject:
    return json_object(text, field) if text else JsonObject()


# The border's half of the table in `engine/handlers.py`: by kind of task, the outcome that it asks for and its reader.
_READERS: Final[Mapping[TaskKind, tuple[str, Callable[[tasks_pb2.TaskResult], Outcome]]]] = {
    TaskKind.TRAIN: ("update", _update),
    TaskKind.TRAIN_PRIVATELY: ("update", _update),
    TaskKind.VALIDATE: ("validation", _validation),
    TaskKind.PREDICT: ("prediction", _prediction),
    TaskKind.EXCHANGE: ("exchange", _exchange),
    TaskKind.EXCHANGE_SECURELY: ("exchange", _exchange),
    TaskKind.TRAIN_MASKED: ("update", _update),
    TaskKind.SUM_MASKS: ("update", _update),
}
