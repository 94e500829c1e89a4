"""The calls between the engine and the protocols that clients reach it by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from .machine.answers import Answer
from .machine.values import Capabilities, Digest, LogRecord, Task, TaskKind, Verdict


class ObjectId(NamedTuple):
    """The phase and the task that an update in the object store belongs to."""

    phase_id: str
    task_id: str


@dataclass(frozen=True)
class UploadPlace:
    """The place of an update: its name, its path in the spool, and its largest size."""

    object: ObjectId
    path: Path
    bytes_max: int


class ClientStream(Protocol):
    """The way to one connected client. No call blocks."""

    @property
    def client_id(self) -> str:
        """The client's stable id."""

    @property
    def capabilities(self) -> Capabilities:
        """The client's abilities."""

    def welcome(self, combiner: str) -> None:
        """Tell the client that it is connected to the combiner of this name."""

    def offer(self, task: Task) -> None:
        """Give the client a task."""

    def cancel(self, task_id: str) -> None:
        """Tell the client that a task need not be finished."""

    def receipt(self, verdict: Verdict) -> None:
        """Tell the client that it may forget an answer."""

    def close(self) -> None:
        """End the stream; the client comes back on a new one."""


class ClientPort(Protocol):
    """The engine as a protocol for clients sees it. All methods belong to the event loop's thread."""

    def client_here(self, stream: ClientStream) -> None:
        """Take a client in; it gets its open tasks, and an older stream of the same client ends.

        Raises:
            LimitExceeded: As many clients as are allowed are connected.
        """

    def client_gone(self, stream: ClientStream) -> None:
        """Note that a client's stream broke; nothing happens if it was not the present one."""

    def kind_of(self, client_id: str, task_id: str) -> TaskKind | None:
        """Return the kind of a client's task; None for a task that is not here.

        Raises:
            PermissionDenied: The task is another client's.
        """

    def take_answer(self, client_id: str, answer: Answer) -> None:
        """Take a client's answer; the stream is given a verdict on it in time.

        Raises:
            PermissionDenied: The task is another client's.
            Unavailable: The spool cannot keep the answer now.
        """

    def log(self, client_id: str, record: LogRecord) -> None:
        """Take a client's log record; its task counts if it is one of this client's."""

    def upload_place(self, client_id: str, task_id: str) -> UploadPlace:
        """Return the place for the update of a client's task.

        Raises:
            NotFound: No running phase waits for it.
            PermissionDenied: The task is another client's.
            Unavailable: The task may come soon, or has moved to another combiner.
        """

    def has_update(self, place: UploadPlace, digest: Digest) -> bool:
        """Return True if this update lies complete in its place; another one there is deleted."""

    def keep_digest(self, place: UploadPlace, digest: Digest) -> None:
        """Keep the digest of an update that is about to lie in its place.

        Raises:
            Unavailable: The spool cannot keep it now.
        """
