"""Answers of clients, checked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from .values import JsonObject


class Why(StrEnum):
    """Reason why a task has no answer that counts; the names of the wire.

    A damaged answer's task is open again. A client that awaits an approval has not begun.
    """

    FAILED = "FAILED"
    REFUSED = "REFUSED"
    LATE = "LATE"
    GONE = "GONE"
    DAMAGED = "DAMAGED"
    WAITING_APPROVAL = "WAITING_APPROVAL"


@dataclass(frozen=True)
class Update:
    """The client has trained; its parameters lie in a file of their own."""

    num_examples: float | None
    metadata: JsonObject


@dataclass(frozen=True)
class Validation:
    """The client has measured the model."""

    metrics: JsonObject


@dataclass(frozen=True)
class Prediction:
    """The client has predicted with the model."""

    result: JsonObject


@dataclass(frozen=True)
class Exchange:
    """The client's part of an exchange."""

    value_json: JsonObject
    value: bytes


@dataclass(frozen=True)
class Failure:
    """The client's code has failed, or its answer is not acceptable."""

    message: str
    traceback: str = ""
    why: Why = Why.FAILED


Outcome: TypeAlias = Update | Validation | Prediction | Exchange | Failure


@dataclass(frozen=True)
class Answer:
    """A client's answer to a task, with the seconds that the client measured."""

    task_id: str
    outcome: Outcome
    download_seconds: float = 0.0
    work_seconds: float = 0.0
    upload_seconds: float = 0.0
