"""The ports of the combiner: all calls between its inside and the protocols that it is reached by.

A protocol in `facades/` uses these and the values of `machine/`, and nothing of the engine. All methods of ports belong
to the event loop's thread.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from fednet.digests import Digest
from fednet.identity import Claims
from fednet.readiness import Readiness

from .machine.answers import Answer
from .machine.assignment import Assignment
from .machine.news import Envelope, Snapshot
from .machine.orders import Plan, PlanOrder, Reduced, Reduction
from .machine.values import (
    Authority,
    BlobKind,
    Capabilities,
    LogRecord,
    Task,
    TaskKind,
    Verdict,
)


@dataclass(frozen=True)
class PartPlace:
    """The place of one part of an update in the object store; without a URL there is no such way."""

    url: str = field(default="", repr=False)
    offset_bytes: int = 0
    size_bytes: int = 0
    is_last: bool = False


class ClientStream(Protocol):
    """The way to one connected client. No call blocks."""

    @property
    def client_id(self) -> str:
        """The client's stable id."""

    @property
    def capabilities(self) -> Capabilities:
        """The client's abilities."""

    def waits(self, readiness: Readiness) -> None:
        """Change the client's capabilities: what it waits for before it can be asked for tasks."""

    def welcome(self, combiner: str) -> None:
        """Tell the client that it is connected to the combiner of this name."""

    def offer(self, task: Task) -> None:
        """Give the client a task."""

    def cancel(self, task_id: str) -> None:
        """Tell the client that a task need not be finished."""

    def receipt(self, verdict: Verdict) -> None:
        """Tell the client that it may forget an answer."""

    def send_away(self, reason: str) -> None:
        """End the stream after the messages that wait; the client asks the controller for another combiner."""

    def close(self) -> None:
        """End the stream; the client comes back on a new one."""


class ClientPort(Protocol):
    """The calls of clients about their tasks."""

    def client_here(self, stream: ClientStream) -> None:
        """Take a client in; it gets its open tasks, and an older stream of the same client ends.

        Raises:
            LimitExceeded: As many clients as are allowed are connected.
            Throttled: The client connects too often.
            Unauthenticated: The combiner stops; the client must ask the controller for another one.
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

    def waits(self, stream: ClientStream, readiness: Readiness) -> None:
        """Note what a client waits for before it can be asked for tasks."""

    def log(self, client_id: str, record: LogRecord) -> None:
        """Take a client's log record; its task counts if it is one of this client's."""


class UploadPort(Protocol):
    """The ways of clients' updates into the spool.

    Each method raises:
        NotFound: No running phase waits for the update.
        PermissionDenied: The task is another client's.
        Unavailable: The task may come soon, or has moved to another combiner; or the spool cannot be written now.
    """

    def received_bytes(self, client_id: str, task_id: str) -> int:
        """Return the number of bytes of an update that are here already."""

    async def receive(
        self,
        client_id: str,
        task_id: str,
        digest: Digest,
        offset_bytes: int,
        pieces: AsyncIterator[bytes | memoryview],
    ) -> None:
        """Take an update from its client; return when it is complete in the spool. It takes over from an older upload.

        Args:
            client_id: The client.
            task_id: Its task.
            digest: The size and digest that the client announces. Nothing is read if this update is here already.
            offset_bytes: The position of the first piece; must be the end of the bytes that are here.
            pieces: The bytes from there on.

        Raises:
            LimitExceeded: The update is larger than one of this model can be.
            TransferCorrupted: The bytes do not fit the offset or the digest.
            Conflict: A newer upload of this task has taken over.
        """

    async def fetch(
        self, client_id: str, task_id: str, digest: Digest, etags: Sequence[str]
    ) -> None:
        """Take an update from the object store; return when it is complete in the spool. Raises as `receive` does.

        Args:
            client_id: The client.
            task_id: Its task.
            digest: The size and digest that the client announces.
            etags: The ETag of each part, in their order.

        Raises:
            InvalidInput: There are more or fewer parts than the update has.
        """

    async def locate_part(
        self, client_id: str, task_id: str, size_bytes: int, number: int
    ) -> PartPlace:
        """Return the place in the object store for a part of an update; it has no URL if the store makes none.

        Args:
            client_id: The client.
            task_id: Its task.
            size_bytes: The size of the whole update.
            number: The number of the part, from 1; the first one starts the upload anew.

        Raises:
            InvalidInput: The update has no such part.
            LimitExceeded: The update is larger than one of this model can be.
            TransferCorrupted: The first part is not there any more.
        """


class BlobPort(Protocol):
    """The models and packages of running phases, for the clients that have a task with them."""

    def path(self, client_id: str, kind: BlobKind, blob_id: str) -> Path:
        """Return the path of a blob that a task of the client names.

        Raises:
            NotFound: No running phase asks this client to use it.
        """

    def url(self, client_id: str, kind: BlobKind, blob_id: str) -> str:
        """Return a URL of a blob that a task of the client names, good for a while; "" if the store makes none.

        Raises:
            NotFound: No running phase asks this client to use it.
        """

    def sent(self, size_bytes: int) -> None:
        """Note that a client was sent so many bytes of a blob."""


class ControllerPort(Protocol):
    """The orders of controllers, and the news for them.

    Each order raises Superseded if another controller drives the session.
    """

    async def start(self, assignment: Assignment) -> None:
        """Begin a phase, add to it or open it again; if that changes nothing, only its end is told again.

        Raises:
            InvalidInput: The phase runs already, and is another one.
            NotFound: The blob store does not have the model or the package.
            LimitExceeded: Too much news waits for the controllers.
        """

    async def withdraw(
        self, phase_id: str, clients: tuple[str, ...], authority: Authority
    ) -> tuple[str, ...]:
        """Take clients out of a phase; return those that have no answer here.

        Raises:
            Unavailable: The spool cannot keep it now; nothing has changed.
        """

    async def close_early(self, phase_id: str, authority: Authority) -> None:
        """Close a phase with the answers that are in.

        Raises:
            NotFound: There is no such phase here.
        """

    async def release(self, phase_id: str, authority: Authority) -> None:
        """Forget a phase and its files; nothing happens if it is not here."""

    async def reduce(self, order: Reduction) -> Reduced:
        """Merge the partials of a round and write the new model; the same again if it is there already.

        Raises:
            NotFound: A partial is neither here nor in the blob store.
            FailedPrecondition: A partial here still grows; or no server functions may run here.
            Conflict: A partial is not the one that the controller was told of.
        """

    async def plan(self, order: PlanOrder) -> Plan:
        """Let server functions choose clients and settings; nothing is kept but their memory.

        Raises:
            FailedPrecondition: No server functions may run here.
            NotFound: The blob store does not have the model, or the functions' memory.
        """

    def watch(self, controller: str) -> AsyncGenerator[Snapshot | Envelope]:
        """Give a snapshot, all news that is not acknowledged, then later news.

        Ends when a newer watch of the same controller begins, and when the reader is so slow that its queue is full.
        """

    def hang_up(self, controller: str) -> None:
        """End the present watch of a controller; nothing happens if it does not watch."""

    def acknowledge(self, controller: str, epoch: str, number: int) -> None:
        """Note that a controller has stored its news up to this number."""


class StreamAdmission(Protocol):
    """The right of one open stream, inside a `with` block; it ends the stream when its token ends."""

    def __enter__(self) -> Self:
        """Begin to watch over the stream."""

    def __exit__(self, *_: object) -> None:
        """Note the end of the stream."""

    def renew(self, token: str) -> None:
        """Let the stream go on with a newer token of the same principal.

        Raises:
            Unauthenticated: The token is not good, or speaks for somebody else.
        """

    def check(self) -> None:
        """Raise the reason for which the stream was ended, if it was.

        Raises:
            Unauthenticated: Its token has ended, or was revoked.
        """


class GatePort(Protocol):
    """The rights of those who call."""

    def open(self, claims: Claims, end: Callable[[], None]) -> StreamAdmission:
        """Return the right of a stream that a call with these claims opens; `end` ends it."""

    def trust(self, public_keys: Sequence[str]) -> None:
        """Take tokens of these keys from now on, and of no others; streams with tokens of others end."""

    def refuse(self, ids: Collection[str]) -> None:
        """Refuse tokens with one of these ids, their own, their parent's or their principal's; their streams end."""

    def displace(self, client_ids: Collection[str]) -> None:
        """Refuse the tokens with which these clients are connected; they have to ask the controller again."""


@dataclass(frozen=True)
class Ports:
    """Everything that a protocol may use of a combiner."""

    clients: ClientPort
    uploads: UploadPort
    blobs: BlobPort
    controllers: ControllerPort
