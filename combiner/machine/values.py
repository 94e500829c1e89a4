"""Values that orders, answers and news are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from fednet.digests import Digest
from fednet.json_values import strictly_parsed
from fednet.privacy import PrivacyTerms
from fednet.readiness import READY, Readiness
from fednet.secure.terms import SecureTerms
from fednet.update_codec import PLAIN_CODEC, UpdateCodec


class TaskKind(StrEnum):
    """Kind of the tasks of a phase; the names of the wire."""

    TRAIN = "TRAIN"
    TRAIN_PRIVATELY = "TRAIN_PRIVATELY"
    VALIDATE = "VALIDATE"
    PREDICT = "PREDICT"
    EXCHANGE = "EXCHANGE"
    EXCHANGE_SECURELY = "EXCHANGE_SECURELY"
    TRAIN_MASKED = "TRAIN_MASKED"
    SUM_MASKS = "SUM_MASKS"

    @property
    def folds(self) -> bool:
        """True if its answers are updates, or sums of masks, that are folded into a partial."""
        return self in {TaskKind.TRAIN, TaskKind.TRAIN_PRIVATELY} or self.is_masked

    @property
    def is_masked(self) -> bool:
        """True if its answers are words of a ring."""
        return self in {TaskKind.TRAIN_MASKED, TaskKind.SUM_MASKS}

    @property
    def is_secure(self) -> bool:
        """True if it is a part of secure aggregation, so that its phases have terms."""
        return self.is_masked or self is TaskKind.EXCHANGE_SECURELY

    @property
    def is_exchange(self) -> bool:
        """True if its answers are values, and a model is not needed."""
        return self in {TaskKind.EXCHANGE, TaskKind.EXCHANGE_SECURELY}


class BlobKind(StrEnum):
    """Kind of a blob; the names of the wire."""

    MODEL = "MODEL"
    PACKAGE = "PACKAGE"
    STATE = "STATE"


@dataclass(frozen=True)
class Blob:
    """A reference to a file in the blob store, with its digest; None while nobody knows it."""

    kind: BlobKind
    id: str
    digest: Digest | None = None


@dataclass(frozen=True)
class SharingRecord:
    """A partial as it was put into the blob store.

    Attributes:
        attempt: The attempt of its phase.
        updates: The number of updates in it.
        digest: The digest of its blob.
    """

    attempt: int
    updates: int
    digest: Digest


@dataclass(frozen=True)
class JsonObject:
    """A JSON object, as its text; parsed once, when its value is asked for first."""

    text: str = ""

    @cached_property
    def value(self) -> dict[str, Any]:
        """The object; empty for an empty text.

        Raises:
            ValueError: The text is no JSON that can be stored; see `fednet.json_values`.
            TypeError: It is no object.
        """
        return self._parsed(self.text or "{}")

    def check(self) -> None:
        """Parse the text, which must not be empty; raises the errors of `value`."""
        if not self.text:
            self._parsed(self.text)
        _ = self.value

    @staticmethod
    def _parsed(text: str) -> dict[str, Any]:
        value = strictly_parsed(text)
        if not isinstance(value, dict):
            raise TypeError("it is not an object")
        return value


NO_JSON: Final = JsonObject()


@dataclass(frozen=True)
class Authority:
    """The controller that gives an order, and its term as the driver of the session."""

    controller: str
    term: int
    session_id: str


@dataclass(frozen=True)
class Capabilities:
    """Abilities of a client.

    Args:
        needs_package: Its code comes as a package.
        kinds: The kinds of tasks that it can do.
        codec_parts: The parts of codecs that it can encode.
        readiness: What it waits for before it can be asked for tasks.
    """

    needs_package: bool = False
    kinds: tuple[TaskKind, ...] = ()
    codec_parts: frozenset[str] = frozenset()
    readiness: Readiness = READY


class LogLevel(StrEnum):
    """Level of a log record; the names of the wire."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    AUDIT = "AUDIT"


@dataclass(frozen=True)
class LogRecord:
    """A line for the network's log, with its task if it is about one."""

    text: str
    level: LogLevel = LogLevel.INFO
    task_id: str = ""


@dataclass(frozen=True)
class PhaseContext:
    """The place of a phase, or of a run of server functions, in its session."""

    phase_id: str
    session_id: str
    round_id: str = ""
    round_number: int = 0
    model_id: str = ""
    kind: TaskKind | None = None


@dataclass(frozen=True)
class Task:
    """A task as its client is told it.

    Args:
        update_codec: The codec for its update.
        privacy: The terms of privacy for its update; None without.
        secure: The terms of secure aggregation; None without.
        message: The message of secure aggregation to this client.
        traceparent: The place of the phase's span.
    """

    task_id: str
    context: PhaseContext
    helper: str
    settings_json: str
    seconds_left: float
    model: Blob | None = None
    package: Blob | None = None
    warrant: str = ""
    update_codec: UpdateCodec = PLAIN_CODEC
    privacy: PrivacyTerms | None = None
    secure: SecureTerms | None = None
    message: JsonObject = NO_JSON
    traceparent: str = ""

    def within(self, abilities: Capabilities) -> Task:
        """Return the task for a client with these abilities: with the plain codec, unless it knows the task's codec."""
        if self.update_codec.parts <= abilities.codec_parts:
            return self
        return replace(self, update_codec=PLAIN_CODEC)


@dataclass(frozen=True)
class Verdict:
    """The verdict on a client's answer: the client may forget the answer."""

    task_id: str
    accepted: bool
    reason: str = ""
