"""The combiner's three gRPC services: they translate between the wire and the runner, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from fednet.errors import Conflict, FednetError, InvalidInput, LimitExceeded, Unavailable
from fednet.rpc import Receiver, abort, caller_of, checked_data, pieces
from fednet.wire import (
    models_pb2,
    models_pb2_grpc,
    rounds_pb2,
    rounds_pb2_grpc,
    tasks_pb2,
    tasks_pb2_grpc,
)

from .connections import Connection
from .runner import Runner

T = TypeVar("T")


@contextlib.asynccontextmanager
async def _errors_to(context: Any) -> AsyncIterator[None]:
    try:
        yield
    except FednetError as error:
        await abort(context, error)
    except OSError as error:
        await abort(context, Unavailable(f"The combiner cannot use a file: {error.strerror}."))


async def _ended(work: Awaitable[T]) -> T:
    """Wait for the end of work that cannot be broken off, also when the call itself is cancelled meanwhile."""
    going_on = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(going_on)
    except asyncio.CancelledError:
        await asyncio.gather(going_on, return_exceptions=True)
        raise


async def _in_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    return await _ended(asyncio.to_thread(function, *arguments, **named))


class TasksService(tasks_pb2_grpc.TasksServicer):
    """Tasks down, answers up; one stream per client."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def Connect(
        self, messages: AsyncIterator[tasks_pb2.ClientMessage], context: Any
    ) -> AsyncIterator[tasks_pb2.CombinerMessage]:
        """Serve one client until either end hangs up."""
        async with _errors_to(context):
            connection = self._runner.connect(caller_of().id, await _hello(messages))
            listening = asyncio.create_task(self._listen(connection, messages))
            try:
                while (message := await connection.outgoing.get()) is not None:
                    yield message
                if listening.done() and (error := listening.exception()):
                    raise error
            finally:
                listening.cancel()
                self._runner.disconnect(connection)

    async def _listen(
        self, connection: Connection, messages: AsyncIterator[tasks_pb2.ClientMessage]
    ) -> None:
        try:
            async for message in messages:
                match message.WhichOneof("message"):
                    case "result":
                        self._runner.result(connection.client_id, message.result)
                    case "log":
                        self._runner.log(connection.client_id, message.log)
        finally:
            connection.close()


async def _hello(messages: AsyncIterator[tasks_pb2.ClientMessage]) -> tasks_pb2.Hello:
    async for message in messages:
        if message.WhichOneof("message") == "hello":
            return message.hello
        break
    raise InvalidInput("The first message of a client must be a hello.", field="hello")


class ModelsService(models_pb2_grpc.ModelsServicer):
    """Files in pieces, both ways."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._uploads: dict[str, asyncio.Task[None]] = {}

    async def Received(self, request: models_pb2.UploadId, context: Any) -> models_pb2.UploadOffset:
        """How much of an update is here already."""
        async with _errors_to(context):
            path = self._runner.upload_place(caller_of().id, request.task_id).path
            size = path.stat().st_size if path.exists() else Receiver.offset_of(path)
            return models_pb2.UploadOffset(offset_bytes=size)

    async def Upload(
        self, parts: AsyncIterator[models_pb2.UploadPart], context: Any
    ) -> models_pb2.UploadReceipt:
        """Take an update; the receipt is sent when it lies whole in the spool."""
        async with _errors_to(context):
            header = await _upload_header(parts)
            place = self._runner.upload_place(caller_of().id, header.task_id)
            if header.size_bytes > place.bytes_max:
                raise LimitExceeded(
                    f"The update has {header.size_bytes} bytes; one of this model has at most "
                    f"{place.bytes_max}.",
                    field="size_bytes",
                )
            await self._as_newest(header, parts, place.path)
            return models_pb2.UploadReceipt(size_bytes=header.size_bytes, sha256=header.sha256)

    async def _as_newest(
        self,
        header: models_pb2.UploadHeader,
        parts: AsyncIterator[models_pb2.UploadPart],
        path: Path,
    ) -> None:
        """Receive, in the place of an earlier upload of the task: its connection may be dead without our knowing."""
        older = self._uploads.get(header.task_id)
        receiving = asyncio.create_task(_receive_after(older, header, parts, path))
        self._uploads[header.task_id] = receiving
        try:  # cancelled with the call, and waited for also then
            await asyncio.gather(receiving, return_exceptions=True)
        finally:
            if self._uploads.get(header.task_id) is receiving:
                del self._uploads[header.task_id]
        if receiving.cancelled():
            raise Conflict("A newer upload of this task has taken over.", field="task_id")
        receiving.result()

    async def Download(
        self, request: models_pb2.DownloadRequest, context: Any
    ) -> AsyncIterator[models_pb2.DownloadPart]:
        """Give a model or package that a running phase uses, from an offset on."""
        async with _errors_to(context):
            path = self._runner.local.path(request.kind, request.id)
            with path.open("rb") as file:
                rest = pieces(file, _checked_offset(path, request.offset_bytes))
                while chunk := await _in_thread(next, rest, None):
                    yield models_pb2.DownloadPart(chunk=chunk)


async def _upload_header(
    parts: AsyncIterator[models_pb2.UploadPart],
) -> models_pb2.UploadHeader:
    async for part in parts:
        if part.WhichOneof("part") == "header":
            return part.header
        break
    raise InvalidInput("An upload must begin with its header.", field="header")


async def _receive_after(
    older: asyncio.Task[None] | None,
    header: models_pb2.UploadHeader,
    parts: AsyncIterator[models_pb2.UploadPart],
    path: Path,
) -> None:
    if older:
        older.cancel()
        await _ended(asyncio.wait([older]))
    if await asyncio.to_thread(path.exists):
        return
    announced = {"size_bytes": header.size_bytes, "sha256": header.sha256}
    with await _in_thread(Receiver, path, offset=header.offset_bytes, **announced) as receiver:
        async for part in parts:
            await _in_thread(receiver.write, checked_data(part.chunk))
        await _in_thread(receiver.finish)


def _checked_offset(path: Path, offset: int) -> int:
    if offset > path.stat().st_size:
        raise InvalidInput("The offset lies beyond the end of the file.", field="offset_bytes")
    return offset


class RoundsService(rounds_pb2_grpc.RoundsServicer):
    """What the controller asks."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def Start(self, request: rounds_pb2.Phase, context: Any) -> rounds_pb2.PhaseStarted:
        """Begin a phase."""
        async with _errors_to(context):
            await self._runner.start(request)
            return rounds_pb2.PhaseStarted()

    async def Plan(self, request: rounds_pb2.PlanRequest, context: Any) -> rounds_pb2.Planned:
        """Let a round's server functions choose."""
        async with _errors_to(context):
            return await self._runner.plan(request)

    async def Close(self, request: rounds_pb2.PhaseId, context: Any) -> rounds_pb2.PhaseClosing:
        """Finish a phase with what is in."""
        async with _errors_to(context):
            self._runner.finish_early(request.phase_id)
            return rounds_pb2.PhaseClosing()

    async def Release(self, request: rounds_pb2.PhaseId, context: Any) -> rounds_pb2.PhaseReleased:
        """Forget a phase."""
        async with _errors_to(context):
            await self._runner.release(request.phase_id)
            return rounds_pb2.PhaseReleased()

    async def Reduce(self, request: rounds_pb2.Reduction, context: Any) -> rounds_pb2.Reduced:
        """Merge the partials of a round into its model."""
        async with _errors_to(context):
            return await self._runner.reduce(request)

    async def Watch(
        self, acknowledgements: AsyncIterator[rounds_pb2.Acknowledgement], _context: Any
    ) -> AsyncIterator[rounds_pb2.Event]:
        """Tell everything that happens, beginning with a snapshot."""
        listening = asyncio.create_task(self._acknowledge(acknowledgements))
        following = self._runner.outbox.follow(self._runner.snapshot())
        try:
            async with contextlib.aclosing(following) as events:
                async for event in events:
                    yield event
        finally:
            listening.cancel()

    async def _acknowledge(
        self, acknowledgements: AsyncIterator[rounds_pb2.Acknowledgement]
    ) -> None:
        async for each in acknowledgements:
            self._runner.outbox.acknowledge(each.epoch, each.number)
