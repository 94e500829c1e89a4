"""The combiner's three gRPC services: they translate between the wire and the runner, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fednet import limits
from fednet.errors import FednetError, InvalidInput, LimitExceeded
from fednet.rpc import Receiver, abort, caller_of, checked_data, pieces
from fednet.wire import (
    models_pb2,
    models_pb2_grpc,
    rounds_pb2,
    rounds_pb2_grpc,
    tasks_pb2,
    tasks_pb2_grpc,
)

from .runner import Connection, Runner


@contextlib.asynccontextmanager
async def _errors_to(context: Any) -> AsyncIterator[None]:
    try:
        yield
    except FednetError as error:
        await abort(context, error)


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
        self._uploading: set[str] = set()

    async def Received(self, request: models_pb2.UploadId, context: Any) -> models_pb2.UploadOffset:
        """How much of an update is here already."""
        async with _errors_to(context):
            path = self._runner.upload_path(caller_of().id, request.task_id)
            size = path.stat().st_size if path.exists() else Receiver.offset_of(path)
            return models_pb2.UploadOffset(offset_bytes=size)

    async def Upload(
        self, parts: AsyncIterator[models_pb2.UploadPart], context: Any
    ) -> models_pb2.UploadReceipt:
        """Take an update; the receipt is sent when it lies whole in the spool."""
        async with _errors_to(context):
            header = await _upload_header(parts)
            with self._only_upload_of(header.task_id):
                await self._receive(header, parts)
            return models_pb2.UploadReceipt(size_bytes=header.size_bytes, sha256=header.sha256)

    async def _receive(
        self, header: models_pb2.UploadHeader, parts: AsyncIterator[models_pb2.UploadPart]
    ) -> None:
        path = self._runner.upload_path(caller_of().id, header.task_id)
        if path.exists():
            return
        receiver = await asyncio.to_thread(
            Receiver,
            path,
            size_bytes=header.size_bytes,
            sha256=header.sha256,
            offset=header.offset_bytes,
        )
        with receiver:
            async for part in parts:
                await asyncio.to_thread(receiver.write, checked_data(part.chunk))
            await asyncio.to_thread(receiver.finish)

    @contextlib.contextmanager
    def _only_upload_of(self, task_id: str) -> Any:
        if task_id in self._uploading:
            raise LimitExceeded("Another upload of this task is under way.", field="task_id")
        self._uploading.add(task_id)
        try:
            yield
        finally:
            self._uploading.discard(task_id)

    async def Download(
        self, request: models_pb2.DownloadRequest, context: Any
    ) -> AsyncIterator[models_pb2.DownloadPart]:
        """Give a model or package that a running phase uses, from an offset on."""
        async with _errors_to(context):
            path = self._runner.local.path(request.kind, request.id)
            with path.open("rb") as file:
                rest = pieces(file, request.offset_bytes)
                while chunk := await asyncio.to_thread(next, rest, None):
                    yield models_pb2.DownloadPart(chunk=chunk)


async def _upload_header(
    parts: AsyncIterator[models_pb2.UploadPart],
) -> models_pb2.UploadHeader:
    async for part in parts:
        if part.WhichOneof("part") == "header":
            return _checked_header(part.header)
        break
    raise InvalidInput("An upload must begin with its header.", field="header")


def _checked_header(header: models_pb2.UploadHeader) -> models_pb2.UploadHeader:
    if header.size_bytes > limits.model_bytes_max:
        raise LimitExceeded(
            f"The update has {header.size_bytes} bytes; {limits.model_bytes_max} are allowed.",
            field="size_bytes",
        )
    return header


class RoundsService(rounds_pb2_grpc.RoundsServicer):
    """What the controller asks."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    async def Start(self, request: rounds_pb2.Phase, context: Any) -> rounds_pb2.PhaseStarted:
        """Begin a phase."""
        async with _errors_to(context):
            await self._runner.start(request)
            return rounds_pb2.PhaseStarted()

    async def Close(self, request: rounds_pb2.PhaseId, context: Any) -> rounds_pb2.PhaseClosing:
        """Finish a phase with what is in."""
        async with _errors_to(context):
            self._runner.finish_early(request.phase_id)
            return rounds_pb2.PhaseClosing()

    async def Release(self, request: rounds_pb2.PhaseId, context: Any) -> rounds_pb2.PhaseReleased:
        """Forget a phase."""
        async with _errors_to(context):
            self._runner.release(request.phase_id)
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
        try:
            async for event in self._runner.outbox.follow(self._runner.snapshot()):
                yield event
        finally:
            listening.cancel()

    async def _acknowledge(
        self, acknowledgements: AsyncIterator[rounds_pb2.Acknowledgement]
    ) -> None:
        async for each in acknowledgements:
            self._runner.outbox.acknowledge(each.epoch, each.number)
