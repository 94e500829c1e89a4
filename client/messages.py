"""The border to the wire: translates protobuf messages into the client's values and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.digests import Digest
from fednet.errors import InvalidInput
from fednet.readiness import READY, Readiness
from fednet.rpc import readiness_message, sendable
from fednet.update_codec import CODEC_PARTS, PLAIN, codec_of
from fednet.wire import common_pb2, tasks_pb2

from .tasks import Answer, Cancel, Exchange, Failure, Prediction, Receipt, Task, Update, Validation

_VARIANTS = frozenset({"TRAIN_PRIVATELY", "EXCHANGE_SECURELY", "TRAIN_MASKED", "SUM_MASKS"})


def hello_message(
    kinds: Iterable[str], *, needs_package: bool, readiness: Readiness = READY
) -> tasks_pb2.ClientMessage:
    """Return the first message on each stream."""
    hello = tasks_pb2.Hello(
        kinds=sorted(_with_variants(kinds)),
        needs_package=needs_package,
        codec_parts=CODEC_PARTS,
        readiness=readiness_message(readiness),
    )
    return tasks_pb2.ClientMessage(hello=hello)


def _with_variants(kinds: Iterable[str]) -> set[str]:
    """Return the kinds of tasks; every client that trains can also do so privately, and in secure aggregation."""
    given = set(kinds)
    return given | (_VARIANTS if "TRAIN" in given else set())


def waiting_message(readiness: Readiness) -> tasks_pb2.ClientMessage:
    """Return the message that the client waits for something else than before."""
    return tasks_pb2.ClientMessage(readiness=readiness_message(readiness))


def log_message(
    text: str, task_id: str, level: tasks_pb2.LogRecord.Level = tasks_pb2.LogRecord.INFO
) -> tasks_pb2.ClientMessage:
    """Return a line for the network's log, cut to its end."""
    record = tasks_pb2.LogRecord(
        level=level,
        text=sendable(text)[-limits.traceback_characters_max :],
        task_id=task_id,
    )
    return tasks_pb2.ClientMessage(log=record)


def renewal_message(placement_token: str) -> tasks_pb2.ClientMessage:
    """Return a newer token for the combiner."""
    renewal = tasks_pb2.Renewal(placement_token=placement_token)
    return tasks_pb2.ClientMessage(renewal=renewal)


def answer_message(answer: Answer) -> tasks_pb2.ClientMessage:
    """Return the message with an answer."""
    result = tasks_pb2.TaskResult(
        task_id=answer.task_id,
        download_seconds=answer.download_seconds,
        work_seconds=answer.work_seconds,
        upload_seconds=answer.upload_seconds,
    )
    match answer.outcome:
        case Update(num_examples, metadata):
            result.update.num_examples = num_examples
            result.update.metadata_json = json.dumps(metadata)
        case Validation(metrics):
            result.validation.metrics_json = json.dumps(metrics)
        case Prediction(predictions):
            result.prediction.result_json = json.dumps(predictions)
        case Exchange(value):
            result.exchange.value_json = json.dumps(value)
        case Failure(message, traceback, awaits_approval):
            result.failure.awaits_approval = awaits_approval
            result.failure.message = sendable(message)
            result.failure.traceback = sendable(traceback)
    return tasks_pb2.ClientMessage(result=result)


def cancel_of(message: tasks_pb2.CancelTask) -> Cancel:
    """Read a combiner's cancel."""
    return Cancel(message.task_id)


def receipt_of(message: tasks_pb2.ResultReceipt) -> Receipt:
    """Read a combiner's receipt."""
    return Receipt(message.task_id, message.accepted, message.reason)


def task_of(message: tasks_pb2.Task) -> Task:
    """Read a combiner's task.

    Raises:
        InvalidInput: The session's settings for clients, or the message of secure aggregation, are not a JSON object;
            or the codec is unknown.
    """
    return Task(
        id=message.task_id,
        kind=_kind_of(message.kind),
        model=_ref_of(message.model, "MODEL") if message.HasField("model") else None,
        package=_ref_of(message.package, "PACKAGE") if message.HasField("package") else None,
        round_number=message.round_number,
        helper=message.helper,
        settings=_object_of(
            message.settings_json, "settings_json", "session's settings for clients"
        ),
        seconds_left=_seconds_of(message.seconds_left),
        warrant=message.warrant,
        update_codec=codec_of(message.update_codec or PLAIN),
        session_id=message.session_id,
        privacy=message.privacy,
        secure=message.secure,
        message=_object_of(message.message_json, "message_json", "message of secure aggregation"),
        traceparent=message.traceparent,
    )


def _kind_of(kind: int) -> str:
    """Return the kind's name; its number for a kind of a later version."""
    return tasks_pb2.TaskKind.Name(kind) if kind in tasks_pb2.TaskKind.values() else str(kind)


def _ref_of(ref: common_pb2.BlobRef, kind: Literal["MODEL", "PACKAGE"]) -> BlobRef:
    return BlobRef(kind, ref.id, Digest.read(ref.digest, ref.size_bytes))


def _object_of(text: str, field: str, name: str) -> Mapping[str, Any]:
    try:
        values = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"The {name} is not JSON: {error}.", field=field) from error
    if not isinstance(values, dict):
        raise InvalidInput(f"The {name} is not a JSON object.", field=field)
    return values


def _seconds_of(seconds_left: float) -> float | None:
    """Read a time; None for 0 and for invalid values."""
    return seconds_left if math.isfinite(seconds_left) and seconds_left > 0 else None
