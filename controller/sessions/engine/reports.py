"""The news of combiners as documents for people, and as events for sessions. Pure translation."""

from __future__ import annotations

import uuid
from typing import Any

from fednet import limits

from ..machine.documents import iso
from ..machine.events import Answered, Event, PhaseClosed, Unanswered
from . import answers
from .news import (
    LogWritten,
    ModelUsed,
    ModelValidated,
    News,
    ShareClosed,
    TaskFailed,
    TaskSent,
    UpdateFolded,
    ValueGiven,
)

_FLOAT_MAX = 2.0**1023
_REQUESTS = {
    "TRAIN": "MODEL_UPDATE_REQUEST",
    "TRAIN_PRIVATELY": "MODEL_UPDATE_REQUEST",
    "TRAIN_MASKED": "MODEL_UPDATE_REQUEST",
    "VALIDATE": "MODEL_VALIDATION_REQUEST",
    "PREDICT": "MODEL_PREDICTION_REQUEST",
}
_IDS = uuid.UUID("c3d6f5a8-56f4-4c39-9a0f-98a7be0f3f0e")


def event_of(news: News, client_name: str) -> Event | None:
    """Return the event that the news is for its session; None if it is none."""
    match news.what:
        case UpdateFolded(num_examples, _, seconds):
            return Answered(
                news.phase_id, news.combiner, news.client, num_examples, seconds, name=client_name
            )
        case ValueGiven(value, content):
            return Answered(news.phase_id, news.combiner, news.client, value=value, content=content)
        case ModelValidated() | ModelUsed():
            return Answered(news.phase_id, news.combiner, news.client)
        case TaskFailed(_, message) as failed:
            problem = message[: limits.problem_characters_max]
            lost_at = news.combiner if failed.is_answer_lost else ""
            return Unanswered(news.phase_id, news.client, client_name, problem, lost_at)
        case ShareClosed() as totals:
            return PhaseClosed(news.combiner, news.phase_id, **vars(totals))
        case _:
            return None


def documents_of(news: News, epoch: str, client_name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the documents that the news leaves behind, each with its collection."""
    found: list[tuple[str, dict[str, Any]]] = []
    match news.what:
        case ModelValidated():
            found.append(("validations", _validation(news, news.what, client_name)))
        case ModelUsed():
            found.append(("predictions", _prediction(news, news.what, client_name)))
        case UpdateFolded(_, metadata, _):
            found += [("metrics", each) for each in _metrics(news, metadata, client_name)]
    if answer := answers.document_of(news, epoch, client_name):
        found.append(("answers", answer))
    if status := _status(news, epoch, client_name):
        found.append(("statuses", status))
    return found


def _prediction(news: News, told: ModelUsed, client_name: str) -> dict[str, Any]:
    return {
        "id": news.task,
        "model_id": news.model_id,
        "prediction_id": news.session_id,
        "timestamp": iso(news.happened_at),
        "result": told.result,
        "client": {"id": news.client, "name": client_name},
        "combiner": news.combiner,
    }


def _validation(news: News, told: ModelValidated, client_name: str) -> dict[str, Any]:
    return {
        "id": news.task,
        "model_id": news.model_id,
        "session_id": news.session_id,
        "round_id": news.round_id,
        "task_id": news.task,
        "timestamp": iso(news.happened_at),
        "metrics": told.metrics,
        "client": {"id": news.client, "name": client_name},
        "combiner": news.combiner,
    }


def _metrics(news: News, metadata: Any, client_name: str) -> list[dict[str, Any]]:
    """Return each number that a client reported with its update; the round's number is its step."""
    if not isinstance(metadata, dict):
        return []
    return [
        {
            "id": str(uuid.uuid5(_IDS, f"{news.task}/{key}")),
            "key": key[: limits.name_characters_max],
            "value": float(value),
            "step": news.round_number,
            "model_id": news.model_id,
            "round_id": news.round_id,
            "session_id": news.session_id,
            "timestamp": iso(news.happened_at),
            "client": {"id": news.client, "name": client_name},
        }
        for key, value in metadata.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < _FLOAT_MAX
    ]


# The log of the network


def _status(news: News, epoch: str, client_name: str) -> dict[str, Any] | None:
    """Return the news as a line of the log; None if it is not for people."""
    line = _line(news, client_name)
    if line is None:
        return None
    kind, level, text, source, details = line
    about = {"round": news.round_number, "model_id": news.model_id, "client": client_name}
    return {
        "id": str(uuid.uuid5(_IDS, f"{epoch}/{news.number}")),
        "type": kind,
        "log_level": level,
        "message": text,
        "details": {**about, **details},
        "timestamp": iso(news.happened_at),
        "task_id": news.task,
        "session_id": news.session_id,
        "source": source,
    }


_Line = tuple[str, str, str, dict[str, str], dict[str, Any]]


def _line(news: News, client_name: str) -> _Line | None:  # noqa: PLR0911  one line per event
    """Return type, level, text, source and further details of a line."""
    by_combiner = {"kind": "combiner", "name": news.combiner, "id": ""}
    by_client = {"kind": "client", "name": client_name, "id": news.client}
    match news.what:
        case TaskSent():
            kind = _REQUESTS.get(news.kind, "LOG")
            return kind, "AUDIT", f"Task sent to {client_name}.", by_combiner, {}
        case UpdateFolded(num_examples):
            details = {"num_examples": num_examples}
            return "MODEL_UPDATE", "AUDIT", "Model update folded.", by_client, details
        case ModelValidated(metrics):
            return "MODEL_VALIDATION", "AUDIT", "Model validated.", by_client, {"metrics": metrics}
        case ModelUsed():
            return "MODEL_PREDICTION", "AUDIT", "Model predicted with.", by_client, {}
        case TaskFailed(why="WAITING_APPROVAL"):
            return None  # the client has told, once for each package and not for each round
        case TaskFailed(why, message, traceback):
            level = "ERROR" if why in {"FAILED", "REFUSED"} else "WARNING"
            return "LOG", level, message, by_client, {"why": why, "traceback": traceback}
        case LogWritten(level, text):
            return "LOG", level, text, by_client if news.client else by_combiner, {}
        case _:
            return None
