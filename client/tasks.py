"""A client's tasks, their answers, and the other messages of a combiner about a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fednet import limits
from fednet.blob_ref import BlobRef
from fednet.errors import AwaitsApproval
from fednet.update_codec import PLAIN_CODEC, UpdateCodec


@dataclass(frozen=True)
class Task:
    """One piece of work that a combiner offers to this client.

    Attributes:
        id: The id, a UUID; the same in every offer of the task.
        kind: "TRAIN", "TRAIN_PRIVATELY", "TRAIN_MASKED", "SUM_MASKS", "EXCHANGE_SECURELY", "VALIDATE", "PREDICT", or
            the number of a kind that this version does not know.
        model: The global model; None for an exchange without one.
        package: The compute package; None if no client of the session needs one.
        round_number: The number of its round in the session.
        helper: The name of the format of model and update.
        settings: The session's settings for clients.
        seconds_left: The time until the phase closes, counted from the arrival; None if it is unknown.
        warrant: The controller's signature over phase, kind, round, model and package.
        update_codec: The codec for the update.
        privacy: The terms of privacy for the update, as the controller has signed them; empty without.
        secure: The terms of secure aggregation, as the controller has signed them; empty without.
        message: The message of secure aggregation to this client; empty without.
        session_id: The session.
        traceparent: The place of the span above that of the task; "" if there is none.
    """

    id: str
    kind: str
    model: BlobRef | None
    package: BlobRef | None
    round_number: int
    helper: str
    settings: Mapping[str, Any]
    seconds_left: float | None
    warrant: str = ""
    update_codec: UpdateCodec = PLAIN_CODEC
    session_id: str = ""
    privacy: str = ""
    secure: str = ""
    message: Mapping[str, Any] = field(default_factory=dict)
    traceparent: str = ""


@dataclass(frozen=True)
class Cancel:
    """The message that the combiner no longer waits for the answer."""

    task_id: str


@dataclass(frozen=True)
class Receipt:
    """The message that the combiner has the answer, or refuses it.

    Attributes:
        task_id: The task.
        accepted: True if the answer counts.
        reason: The reason of a refusal.
    """

    task_id: str
    accepted: bool
    reason: str


@dataclass(frozen=True)
class Update:
    """The outcome of a training; its parameters are in a file of their own."""

    num_examples: float
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Validation:
    """The metrics of a model on the client's data."""

    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Prediction:
    """A model's predictions on the client's data."""

    result: Mapping[str, Any]


@dataclass(frozen=True)
class Exchange:
    """The answer to an exchange of secure aggregation."""

    value: Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """The reason why a task has no other outcome.

    Attributes:
        message: The reason, for people.
        traceback: The traceback of the client's code, or the end of its output; "" without one.
        awaits_approval: True if the site's owner must approve first. Nothing has run, or the owner has revoked it while
            it ran.
    """

    message: str
    traceback: str
    awaits_approval: bool = False


Outcome = Update | Validation | Prediction | Exchange | Failure


@dataclass(frozen=True)
class Answer:
    """The client's answer to one task, with the duration of each part of the work."""

    task_id: str
    outcome: Outcome
    download_seconds: float = 0.0
    work_seconds: float = 0.0
    upload_seconds: float = 0.0


def failure_of(task_id: str, error: Exception, traceback: str = "") -> Answer:
    """Return the answer to a task that ended with an error."""
    text = traceback or getattr(error, "traceback", "")
    failure = Failure(
        (str(error) or repr(error))[: limits.text_characters_max],
        text[-limits.traceback_characters_max :],
        isinstance(error, AwaitsApproval),
    )
    return Answer(task_id, failure)
