"""The service of files: translates between the wire and the engine, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from fednet.errors import Conflict, InvalidInput, LimitExceeded, NotFound, TransferCorrupted
from fednet.rpc import Receiver, caller_of, checked_data, pieces
from fednet.wire import common_pb2, models_pb2, models_pb2_grpc

from ...engine.engine import Engine
from ...engine.objects import ObjectUploads
from ...machine.values import BlobKind, Digest
from ...ports import UploadPlace
from .calls import ended, errors_to, in_thread
from .to_clients import part_location

_Announced: TypeAlias = models_pb2.UploadHeader | models_pb2.UploadedParts
_BLOB_KINDS = {int(common_pb2.BlobRef.Kind.Value(kind)): kind for kind in BlobKind}


class ModelsService(models_pb2_grpc.ModelsServicer):
    """Files in pieces, both ways."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._uploads: dict[str, asyncio.Task[None]] = {}

    async def Received(self, request: models_pb2.UploadId, context: Any) -> models_pb2.UploadOffset:
        """Return the number of bytes of an update that are here already."""
        async with errors_to(context):
            path = self._engine.upload_place(caller_of().id, request.task_id).path
            size = path.stat().st_size if path.exists() else Receiver.offset_of(path)
            return models_pb2.UploadOffset(offset_bytes=size)

    async def Upload(
        self, parts: AsyncIterator[models_pb2.UploadPart], context: Any
    ) -> models_pb2.UploadReceipt:
        """Take an update; the receipt is sent when it lies whole in the spool."""
        async with errors_to(context):
            header = await _upload_header(parts)
            return await self._as_newest(header, self._received, parts)

    async def CompleteUpload(
        self, request: models_pb2.UploadedParts, context: Any
    ) -> models_pb2.UploadReceipt:
        """Fetch an update from the object store; the receipt is sent when it lies whole in the spool."""
        async with errors_to(context):
            return await self._as_newest(request, self._fetched, self._engine.objects)

    async def LocatePart(
        self, request: models_pb2.PartRequest, context: Any
    ) -> models_pb2.PartLocation:
        """Return the place in the object store for a part of an update."""
        async with errors_to(context):
            place, locate = self._place_of(request), self._engine.objects.locate
            part = await in_thread(locate, place.object, request.size_bytes, request.number)
            return part_location(part)

    def _place_of(self, update: _Announced | models_pb2.PartRequest) -> UploadPlace:
        place = self._engine.upload_place(caller_of().id, update.task_id)
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
        """Receive an update; an earlier upload of the task ends, as its connection may be dead without our knowing."""
        place = self._place_of(update)
        older = self._uploads.get(update.task_id)
        work = self._receive_after(older, update, place, receive, source)
        receiving = asyncio.create_task(work)
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

    async def _receive_after(
        self,
        older: asyncio.Task[None] | None,
        update: _Announced,
        place: UploadPlace,
        receive: Callable[..., Awaitable[None]],
        source: Any,
    ) -> None:
        if older:
            older.cancel()
            await ended(asyncio.wait([older]))
        digest = Digest(update.size_bytes, update.sha256)
        if not await in_thread(self._engine.has_update, place, digest):
            await receive(update, place, source)

    async def _received(
        self,
        header: models_pb2.UploadHeader,
        place: UploadPlace,
        parts: AsyncIterator[models_pb2.UploadPart],
    ) -> None:
        """Take an update from its client."""
        with await self._receiver(header, place, header.offset_bytes) as receiver:
            async for part in parts:
                await in_thread(self._write, receiver, checked_data(part.chunk))
            await in_thread(self._finish, receiver, header, place)

    async def _fetched(
        self, update: models_pb2.UploadedParts, place: UploadPlace, objects: ObjectUploads
    ) -> None:
        """Take an update from the object store, from where an earlier call was; a wrong one is deleted there."""
        offset = Receiver.offset_of(place.path)
        with await self._receiver(update, place, offset) as receiver:
            chunks = await in_thread(
                objects.completed, place.object, update.size_bytes, update.etags, offset
            )
            while data := await in_thread(next, chunks, None):
                await in_thread(self._write, receiver, data)
            try:
                await in_thread(self._finish, receiver, update, place)
            except TransferCorrupted:
                await in_thread(objects.delete, place.object)
                raise

    async def _receiver(self, update: _Announced, place: UploadPlace, offset: int) -> Receiver:
        announced = {"size_bytes": update.size_bytes, "sha256": update.sha256}
        return await in_thread(Receiver, place.path, offset=offset, **announced)

    def _write(self, receiver: Receiver, data: bytes) -> None:
        with self._engine.disk.writing():
            receiver.write(data)

    def _finish(self, receiver: Receiver, update: _Announced, place: UploadPlace) -> None:
        """Give an update its name, after its digest is kept beside it."""
        self._engine.keep_digest(place, Digest(update.size_bytes, update.sha256))
        with self._engine.disk.writing():
            receiver.finish()

    async def Download(
        self, request: models_pb2.DownloadRequest, context: Any
    ) -> AsyncIterator[models_pb2.DownloadPart]:
        """Give a model or package that a running phase uses, from an offset on."""
        async with errors_to(context):
            path = self._engine.local.path(_kind(request), request.id)
            with path.open("rb") as file:
                rest = pieces(file, _checked_offset(path, request.offset_bytes))
                while chunk := await in_thread(next, rest, None):
                    yield models_pb2.DownloadPart(chunk=chunk)

    async def LocateDownload(
        self, request: models_pb2.DownloadRequest, context: Any
    ) -> models_pb2.Location:
        """Return a URL of a model or package that a running phase uses."""
        async with errors_to(context):
            return models_pb2.Location(url=self._engine.local.url(_kind(request), request.id))


def _kind(request: models_pb2.DownloadRequest) -> BlobKind:
    if request.kind not in _BLOB_KINDS:
        raise NotFound("There are models and packages, nothing of another kind.", field="kind")
    return _BLOB_KINDS[request.kind]


async def _upload_header(
    parts: AsyncIterator[models_pb2.UploadPart],
) -> models_pb2.UploadHeader:
    async for part in parts:
        if part.WhichOneof("part") == "header":
            return part.header
        break
    raise InvalidInput("An upload must begin with its header.", field="header")


def _checked_offset(path: Path, offset: int) -> int:
    if offset > path.stat().st_size:
        raise InvalidInput("The offset lies beyond the end of the file.", field="offset_bytes")
    return offset
