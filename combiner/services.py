"""The combiner's three gRPC services: they translate between the wire and the runner, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from fednet.errors import (
    Conflict,
    FednetError,
    InvalidInput,
    LimitExceeded,
    TransferCorrupted,
    Unavailable,
)
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
from .objects import ObjectUploads
from .runner import Runner, UploadPlace

T = TypeVar("T")
_Announced = models_pb2.UploadHeader | models_pb2.UploadedParts


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
            return await self._as_newest(header, _received, parts)

    async def CompleteUpload(
        self, request: models_pb2.UploadedParts, context: Any
    ) -> models_pb2.UploadReceipt:
        """Fetch an update from the object store; the receipt is sent when it lies whole in the spool."""
        async with _errors_to(context):
            return await self._as_newest(request, _fetched, self._runner.objects)

    async def LocatePart(
        self, request: models_pb2.PartRequest, context: Any
    ) -> models_pb2.PartLocation:
        """Say where in the object store a part of an update is to be put."""
        async with _errors_to(context):
            place = self._place_of(request)
            locate = self._runner.objects.locate
            return await _in_thread(locate, place.object, request.size_bytes, request.number)

    def _place_of(self, update: _Announced | models_pb2.PartRequest) -> UploadPlace:
        place = self._runner.upload_place(caller_of().id, update.task_id)
        if update.size_bytes > place.bytes_max:
            raise LimitExceeded(
                f"The update has {update.size_bytes} bytes; one of this model has at most "
                f"{place.bytes_max}.",
                field="size_bytes",
            )
        return place

    async def _as_newest(
        self, update: _Announced, receive: Callable[..., Awaitable[None]], source: Any
    ) -> models_pb2.UploadReceipt:
        """Receive, in the place of an earlier upload of the task: its connection may be dead without our knowing."""
        place = self._place_of(update)
        older = self._uploads.get(update.task_id)
        receiving = asyncio.create_task(_receive_after(older, update, place, receive, source))
        self._uploads[update.task_id] = receiving
        try:  # cancelled with the call, and waited for also then
            await asyncio.gather(receiving, return_exceptions=True)
        finally:
            if self._uploads.get(update.task_id) is receiving:
                del self._uploads[update.task_id]
        if receiving.cancelled():
            raise Conflict("A newer upload of this task has taken over.", field="task_id")
        receiving.result()
        return models_pb2.UploadReceipt(size_bytes=update.size_bytes, sha256=update.sha256)

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

    async def LocateDownload(
        self, request: models_pb2.DownloadRequest, context: Any
    ) -> models_pb2.Location:
        """Say where in the object store a model or package lies that a running phase uses."""
        async with _errors_to(context):
            return models_pb2.Location(url=self._runner.local.url(request.kind, request.id))


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
    update: _Announced,
    place: UploadPlace,
    receive: Callable[..., Awaitable[None]],
    source: Any,
) -> None:
    if older:
        older.cancel()
        await _ended(asyncio.wait([older]))
    if not await asyncio.to_thread(place.path.exists):
        await receive(update, place, source)


async def _received(
    header: models_pb2.UploadHeader,
    place: UploadPlace,
    parts: AsyncIterator[models_pb2.UploadPart],
) -> None:
    """Take an update from its client."""
    with await _receiver(header, place, header.offset_bytes) as receiver:
        async for part in parts:
            await _in_thread(receiver.write, checked_data(part.chunk))
        await _in_thread(receiver.finish)


async def _fetched(
    update: models_pb2.UploadedParts, place: UploadPlace, objects: ObjectUploads
) -> None:
    """Take an update from the object store, going on where an earlier call was; one that is wrong is deleted there."""
    offset = Receiver.offset_of(place.path)
    with await _receiver(update, place, offset) as receiver:
        chunks = await _in_thread(
            objects.completed, place.object, update.size_bytes, update.etags, offset
        )
        while data := await _in_thread(next, chunks, None):
            await _in_thread(receiver.write, data)
        try:
            await _in_thread(receiver.finish)
        except TransferCorrupted:
            await _in_thread(objects.delete, place.object)
            raise


async def _receiver(update: _Announced, place: UploadPlace, offset: int) -> Receiver:
    announced = {"size_bytes": update.size_bytes, "sha256": update.sha256}
    return await _in_thread(Receiver, place.path, offset=offset, **announced)


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
