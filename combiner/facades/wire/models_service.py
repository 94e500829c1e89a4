"""The service of files: translates between the wire and the ports of uploads and blobs, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.contract import Permission, requires
from fednet.digests import Digest
from fednet.errors import InvalidInput, NotFound
from fednet.rpc import Chunk, ChunkRule, caller_of, download_messages
from fednet.wire import common_pb2, models_pb2, models_pb2_grpc
from fednet.wire.models_pb2 import UploadHeader

from ...machine.values import BlobKind
from ...ports import BlobPort, UploadPort
from ...shielded import in_thread
from .calls import Transfers, errors_to, first_of, next_of
from .to_clients import part_location

_BLOB_KINDS = {int(common_pb2.BlobRef.Kind.Value(kind)): kind for kind in BlobKind}


class ModelsService(models_pb2_grpc.ModelsServicer):
    """Files in pieces, both ways."""

    def __init__(self, uploads: UploadPort, blobs: BlobPort) -> None:
        self._uploads = uploads
        self._blobs = blobs
        self._transfers = Transfers()

    @requires(Permission.TASKS_WORK)
    async def Received(self, request: models_pb2.UploadId, context: Any) -> models_pb2.UploadOffset:
        """Return the number of bytes of an update that are here already."""
        async with errors_to(context):
            received = self._uploads.received_bytes(caller_of().id, request.task_id)
            return models_pb2.UploadOffset(offset_bytes=received)

    @requires(Permission.TASKS_WORK)
    async def Upload(
        self, parts: AsyncIterator[UploadHeader | Chunk], context: Any
    ) -> models_pb2.UploadReceipt:
        """Take an update; the receipt is sent when it is complete in the spool."""
        async with errors_to(context):
            with self._transfers.one_of(caller_of().id):
                header = await _upload_header(parts)
                await self._uploads.receive(
                    caller_of().id,
                    header.task_id,
                    _digest_of(header),
                    header.offset_bytes,
                    _checked(parts),
                )
            return _receipt(header)

    @requires(Permission.TASKS_WORK)
    async def CompleteUpload(
        self, request: models_pb2.UploadedParts, context: Any
    ) -> models_pb2.UploadReceipt:
        """Fetch an update from the object store; the receipt is sent when it is complete in the spool."""
        async with errors_to(context):
            digest, etags = _digest_of(request), list(request.etags)
            await self._uploads.fetch(caller_of().id, request.task_id, digest, etags)
            return _receipt(request)

    @requires(Permission.TASKS_WORK)
    async def LocatePart(
        self, request: models_pb2.PartRequest, context: Any
    ) -> models_pb2.PartLocation:
        """Return the place in the object store for a part of an update."""
        async with errors_to(context):
            place = await self._uploads.locate_part(
                caller_of().id, request.task_id, request.size_bytes, request.number
            )
            return part_location(place)

    @requires(Permission.TASKS_WORK)
    async def Download(
        self, request: models_pb2.DownloadRequest, context: Any
    ) -> AsyncIterator[bytes]:
        """Give the messages with a model or package that a task of the client names, from an offset on."""
        async with errors_to(context):
            path = self._blobs.path(caller_of().id, _kind(request), request.id)
            with self._transfers.one_of(caller_of().id), path.open("rb", buffering=0) as file:
                rest = download_messages(file, _checked_offset(path, request.offset_bytes))
                while batch := await in_thread(_next_few, rest):
                    for message in batch:
                        yield message
                    self._blobs.sent(sum(map(len, batch)))

    @requires(Permission.TASKS_WORK)
    async def LocateDownload(
        self, request: models_pb2.DownloadRequest, context: Any
    ) -> models_pb2.Location:
        """Return a URL of a model or package that a task of the client names."""
        async with errors_to(context):
            url = self._blobs.url(caller_of().id, _kind(request), request.id)
            return models_pb2.Location(url=url)


def _next_few(messages: Iterator[bytes]) -> list[bytes]:
    """Return the next messages, read in one visit to a thread; none at the end."""
    return list(islice(messages, limits.transfer_batch_chunks))


def _digest_of(announced: UploadHeader | models_pb2.UploadedParts) -> Digest:
    return Digest.read(announced.digest, announced.size_bytes)


def _receipt(
    announced: UploadHeader | models_pb2.UploadedParts,
) -> models_pb2.UploadReceipt:
    return models_pb2.UploadReceipt(size_bytes=announced.size_bytes, digest=announced.digest)


async def _checked(parts: AsyncIterator[UploadHeader | Chunk]) -> AsyncIterator[memoryview]:
    rule = ChunkRule()
    while part := await next_of(parts, limits.transfer_idle_seconds_max):
        if isinstance(part, UploadHeader):
            raise InvalidInput("An upload has one header: send chunks after it.", field="header")
        rule.check(len(part.data))
        yield part.checked_data()


def _kind(request: models_pb2.DownloadRequest) -> BlobKind:
    if request.kind not in _BLOB_KINDS:
        raise NotFound("There are models and packages, nothing of another kind.", field="kind")
    return _BLOB_KINDS[request.kind]


async def _upload_header(parts: AsyncIterator[UploadHeader | Chunk]) -> UploadHeader:
    part = await first_of(parts)
    if not isinstance(part, UploadHeader):
        raise InvalidInput("An upload must begin with its header.", field="header")
    return part


def _checked_offset(path: Path, offset: int) -> int:
    if offset > path.stat().st_size:
        raise InvalidInput("The offset lies beyond the end of the file.", field="offset_bytes")
    return offset
