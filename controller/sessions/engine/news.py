"""What combiners tell, as the documents that people read and the events that sessions live on. Pure translation."""

from __future__ import annotations

import json
import uuid
from typing import Any

from fednet import limits
from fednet.wire import rounds_pb2, tasks_pb2

from ..presence import Capabilities
from .events import Answered, Event, PhaseClosed, Unanswered
from .trail import iso

_FLOAT_MAX = 2.0**1023
_REQUESTS = {
    tasks_pb2.TRAIN: "MODEL_UPDATE_REQUEST",
    tasks_pb2.VALIDATE: "MODEL_VALIDATION_REQUEST",
    tasks_pb2.PREDICT: "MODEL_PREDICTION_REQUEST",
}
_IDS = uuid.UUID("c3d6f5a8-56f4-4c39-9a0f-98a7be0f3f0e")


def capabilities(told: rounds_pb2.Capabilities) -> Capabilities:
    """What a client can do; kinds of task that only a newer version knows are left out."""
    known = tasks_pb2.TaskKind.values()
    kinds = frozenset(tasks_pb2.TaskKind.Name(kind) for kind in told.kinds if kind in known)
    return Capabilities(kinds=kinds, needs_package=told.needs_package)


def session_event(combiner: str, event: rounds_pb2.Event, client_name: str) -> Event | None:
    """What an event means for its session; None if nothing."""
    phase_id = event.phase.phase_id
    match event.WhichOneof("event"):
        case "update_folded":
            return _answered(combiner, event, client_name)
        case "unanswered":
            message = event.unanswered.message[: limits.problem_characters_max]
            return Unanswered(phase_id, client_name, message)
        case "phase_closed":
            closed = event.phase_closed
            return PhaseClosed(combiner, phase_id, closed.answers, closed.weight, closed.failure)
        case _:
            return None


def _answered(combiner: str, event: rounds_pb2.Event, client_name: str) -> Answered:
    folded = event.update_folded
    details = {
        "combiner": combiner,
        "metadata": _json(folded.metadata_json, limits.metadata_characters_max),
        "download_seconds": folded.download_seconds,
        "train_seconds": folded.train_seconds,
        "upload_seconds": folded.upload_seconds,
        "fold_seconds": folded.fold_seconds,
    }
    return Answered(event.phase.phase_id, client_name, folded.num_examples, details)


def report(
    combiner: str, event: rounds_pb2.Event, client_name: str
) -> tuple[str, dict[str, Any]] | None:
    """What a client made of a model, with the collection that it belongs into; None if that is not told."""
    match event.WhichOneof("event"):
        case "validation":
            return "validations", validation_document(combiner, event, client_name)
        case "prediction":
            return "predictions", prediction_document(combiner, event, client_name)
        case _:
            return None


def prediction_document(combiner: str, event: rounds_pb2.Event, client_name: str) -> dict[str, Any]:
    """What a client predicted with a model, as FEDn shows it, with the result as an object beside."""
    result_json = event.prediction.result_json
    return {
        "id": event.task_id,
        "model_id": event.phase.model_id,
        "correlation_id": event.phase.session_id,
        "timestamp": iso(event.happened_at),
        "data": result_json[: limits.json_bytes_max],
        "result": _json(result_json),
        "meta": "",
        "sender": {"name": client_name, "role": "WORKER"},
        "receiver": {"name": combiner, "role": "COMBINER"},
    }


def validation_document(combiner: str, event: rounds_pb2.Event, client_name: str) -> dict[str, Any]:
    """A client's validation of a model, as FEDn shows it, with the metrics as an object beside."""
    metrics_json = event.validation.metrics_json
    return {
        "id": event.task_id,
        "model_id": event.phase.model_id,
        "session_id": event.phase.session_id,
        "round_id": event.phase.round_id,
        "correlation_id": event.task_id,
        "timestamp": iso(event.happened_at),
        "data": metrics_json[: limits.json_bytes_max],
        "metrics": _json(metrics_json),
        "meta": "",
        "sender": {"name": client_name, "role": "WORKER"},
        "receiver": {"name": combiner, "role": "COMBINER"},
    }


def metric_documents(event: rounds_pb2.Event, client_name: str) -> list[dict[str, Any]]:
    """Every number that a client reported with its update, at the step that its round is."""
    if event.WhichOneof("event") != "update_folded":
        return []
    reported = _json(event.update_folded.metadata_json, limits.metadata_characters_max)
    if not isinstance(reported, dict):
        return []
    return [
        {
            "id": str(uuid.uuid5(_IDS, f"{event.task_id}/{key}")),
            "key": key[: limits.name_characters_max],
            "value": float(value),
            "step": event.phase.round_number,
            "model_id": event.phase.model_id,
            "round_id": event.phase.round_id,
            "session_id": event.phase.session_id,
            "timestamp": iso(event.happened_at),
            "sender": {"name": client_name, "role": "WORKER"},
        }
        for key, value in reported.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < _FLOAT_MAX
    ]


def status_document(
    combiner: str, epoch: str, event: rounds_pb2.Event, client_name: str
) -> dict[str, Any] | None:
    """An event as people read it in the log of the network, as FEDn shows it; None if it is none for them."""
    told = _told(combiner, event, client_name)
    if told is None:
        return None
    kind, level, text, sender, data = told
    return {
        "id": str(uuid.uuid5(_IDS, f"{epoch}/{event.number}")),
        "type": kind,
        "log_level": level,
        "status": text[: limits.text_characters_max],
        "data": json.dumps(data),
        "timestamp": iso(event.happened_at),
        "correlation_id": event.task_id[: limits.name_characters_max],
        "session_id": event.phase.session_id,
        "extra": "",
        "sender": sender,
    }


_Told = tuple[str, str, str, dict[str, str], dict[str, Any]]


def _told(  # noqa: PLR0911  one answer per event
    combiner: str, event: rounds_pb2.Event, client_name: str
) -> _Told | None:
    by_combiner = {"name": combiner, "role": "COMBINER"}
    by_client = {"name": client_name, "role": "WORKER"}
    about: dict[str, Any] = {
        "round": event.phase.round_number,
        "model_id": event.phase.model_id,
        "client": client_name,
    }
    match event.WhichOneof("event"):
        case "task_sent":
            return (
                _REQUESTS[event.phase.kind],
                "AUDIT",
                f"Task sent to {client_name}.",
                by_combiner,
                about,
            )
        case "update_folded":
            examples = event.update_folded.num_examples
            about |= {"num_examples": examples}
            return "MODEL_UPDATE", "AUDIT", "Model update folded.", by_client, about
        case "validation":
            about |= {"metrics": _json(event.validation.metrics_json)}
            return "MODEL_VALIDATION", "AUDIT", "Model validated.", by_client, about
        case "prediction":
            return "MODEL_PREDICTION", "AUDIT", "Model predicted with.", by_client, about
        case "unanswered":
            why = rounds_pb2.TaskUnanswered.Why.Name(event.unanswered.why)
            traceback = event.unanswered.traceback[-limits.traceback_characters_max :]
            about |= {"why": why, "traceback": traceback}
            level = "ERROR" if why in {"FAILED", "REFUSED"} else "WARNING"
            return "LOG", level, event.unanswered.message, by_client, about
        case "log":
            sender = by_client if event.client_id else by_combiner
            return "LOG", _level(event.log.level), event.log.text, sender, about
        case _:
            return None


def _level(told: int) -> str:
    """The name of a log level that a client sent; one that only a newer version knows counts as INFO."""
    levels = tasks_pb2.LogRecord.Level
    return levels.Name(told if told in levels.values() else tasks_pb2.LogRecord.INFO)


def _json(text: str, characters_max: int = limits.json_bytes_max) -> Any:
    """The value of a JSON text that a client sent; the text, cut, where it is none or too long."""
    if len(text) > characters_max:
        return text[:characters_max]
    try:
        value = json.loads(text) if text else {}
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return value
