"""What combiners tell, as the documents that people read and the events that sessions live on. Pure translation."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from fednet import limits
from fednet.wire import rounds_pb2, tasks_pb2

from ..presence import Capabilities
from . import machine

_IDS = uuid.UUID("c3d6f5a8-56f4-4c39-9a0f-98a7be0f3f0e")


def capabilities(told: rounds_pb2.Capabilities) -> Capabilities:
    """What a client can do."""
    kinds = frozenset(tasks_pb2.TaskKind.Name(kind) for kind in told.kinds)
    return Capabilities(kinds=kinds, needs_package=told.needs_package)


def session_event(combiner: str, event: rounds_pb2.Event, client_name: str) -> machine.Event | None:
    """What an event means for its session; None if nothing."""
    phase_id = event.phase.phase_id
    match event.WhichOneof("event"):
        case "update_folded":
            return _answered(combiner, event, client_name)
        case "unanswered":
            return machine.Unanswered(phase_id, client_name, event.unanswered.message)
        case "phase_closed":
            closed = event.phase_closed
            return machine.PhaseClosed(
                combiner, phase_id, closed.answers, closed.weight, closed.failure
            )
        case _:
            return None


def _answered(combiner: str, event: rounds_pb2.Event, client_name: str) -> machine.Answered:
    folded = event.update_folded
    details = {
        "combiner": combiner,
        "metadata": _json(folded.metadata_json),
        "download_seconds": folded.download_seconds,
        "train_seconds": folded.train_seconds,
        "upload_seconds": folded.upload_seconds,
        "fold_seconds": folded.fold_seconds,
    }
    return machine.Answered(event.phase.phase_id, client_name, folded.num_examples, details)


def validation_document(combiner: str, event: rounds_pb2.Event, client_name: str) -> dict[str, Any]:
    """A client's validation of a model, as FEDn shows it, with the metrics as an object beside."""
    metrics_json = event.validation.metrics_json
    return {
        "id": event.task_id,
        "model_id": event.phase.model_id,
        "session_id": event.phase.session_id,
        "round_id": event.phase.round_id,
        "correlation_id": event.task_id,
        "timestamp": _iso(event.happened_at),
        "data": metrics_json,
        "metrics": _json(metrics_json),
        "meta": "",
        "sender": {"name": client_name, "role": "WORKER"},
        "receiver": {"name": combiner, "role": "COMBINER"},
    }


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
        "timestamp": _iso(event.happened_at),
        "correlation_id": event.task_id,
        "session_id": event.phase.session_id,
        "extra": "",
        "sender": sender,
    }


_Told = tuple[str, str, str, dict[str, str], dict[str, Any]]


def _told(combiner: str, event: rounds_pb2.Event, client_name: str) -> _Told | None:
    by_combiner = {"name": combiner, "role": "COMBINER"}
    by_client = {"name": client_name, "role": "WORKER"}
    training = event.phase.kind == tasks_pb2.TRAIN
    about: dict[str, Any] = {
        "round": event.phase.round_number,
        "model_id": event.phase.model_id,
        "client": client_name,
    }
    match event.WhichOneof("event"):
        case "task_sent":
            kind = "MODEL_UPDATE_REQUEST" if training else "MODEL_VALIDATION_REQUEST"
            return kind, "AUDIT", f"Task sent to {client_name}.", by_combiner, about
        case "update_folded":
            examples = event.update_folded.num_examples
            about |= {"num_examples": examples}
            return "MODEL_UPDATE", "AUDIT", "Model update folded.", by_client, about
        case "validation":
            about |= {"metrics": _json(event.validation.metrics_json)}
            return "MODEL_VALIDATION", "AUDIT", "Model validated.", by_client, about
        case "unanswered":
            why = rounds_pb2.TaskUnanswered.Why.Name(event.unanswered.why)
            about |= {"why": why, "traceback": event.unanswered.traceback}
            level = "ERROR" if why in {"FAILED", "REFUSED"} else "WARNING"
            return "LOG", level, event.unanswered.message, by_client, about
        case "log":
            level = tasks_pb2.LogRecord.Level.Name(event.log.level)
            return "LOG", level, event.log.text, by_client, about
        case _:
            return None


def _json(text: str) -> Any:
    """The value of a JSON text that a client sent; the text itself where it is none."""
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return text


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
