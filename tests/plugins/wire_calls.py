"""Calls of a combiner's services over loopback, with the token of a role."""

import asyncio
import contextlib
import io

import google_crc32c
import grpc
import requests
from grpc_health.v1 import health_pb2_grpc

from fednet import limits
from fednet.digests import Algorithm, digest_of
from fednet.parameters import write_model_to
from fednet.rpc import from_rpc_error
from fednet.wire import (
    models_pb2,
    models_pb2_grpc,
    rounds_pb2,
    rounds_pb2_grpc,
    tasks_pb2,
    tasks_pb2_grpc,
)

MIB = limits.chunk_bytes
AUTHORITY = {"controller": "controller-1", "term": 1, "session_id": "session"}


class Caller:
    """The stubs of one channel, with its token on every call; errors come as ours.

    A call of grpc.aio that is refused while it sends may end as INTERNAL in place of the status that the server sent:
    so what may be refused is sent over a second, blocking channel, as the client does.
    """

    def __init__(self, channel, blocking_channel, token):
        self.channel = channel
        self.blocking_channel = blocking_channel
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.tasks = tasks_pb2_grpc.TasksStub(channel)
        self.models = models_pb2_grpc.ModelsStub(channel)
        self.rounds = rounds_pb2_grpc.RoundsStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)

    def connect(self):
        return self.tasks.Connect(metadata=self.metadata)

    async def welcomed(self):
        stream = self.connect()
        await stream.write(tasks_pb2.ClientMessage(hello={"kinds": ["TRAIN"]}))
        assert (await stream.read()).WhichOneof("message") == "welcome"
        return stream

    async def watch(self, name="controller-1"):
        watch = self.rounds.Watch(metadata=self.metadata)
        await watch.write(rounds_pb2.WatchMessage(hello={"controller": name}))
        return watch

    async def received(self, task):
        with ours():
            request = models_pb2.UploadId(task_id=task)
            return (await self.models.Received(request, metadata=self.metadata)).offset_bytes

    async def has_sent(self, task, size_bytes):
        """Wait until so much of an upload that is under way has arrived."""
        while await self.received(task) < size_bytes:
            pass

    async def upload(self, parts):
        upload = models_pb2_grpc.ModelsStub(self.blocking_channel).Upload
        with ours():
            return await asyncio.to_thread(upload, iter(parts), metadata=self.metadata)

    async def part(self, task, content, number=1):
        request = models_pb2.PartRequest(task_id=task, size_bytes=len(content), number=number)
        return await self.call(self.models.LocatePart, request)

    async def put(self, task, content):
        """Put all parts of an update in their places; return their ETags."""
        etags, is_last = [], False
        while not is_last:
            place = await self.part(task, content, len(etags) + 1)
            data = content[place.offset_bytes : place.offset_bytes + place.size_bytes]
            answer = http("PUT", place.url, data=data)
            etags, is_last = [*etags, answer.headers["ETag"]], place.is_last
        return etags

    async def complete(self, task, content, etags):
        digest = digest_of(content, Algorithm.BLAKE3).text
        request = models_pb2.UploadedParts(
            task_id=task, size_bytes=len(content), digest=digest, etags=etags
        )
        return await self.call(self.models.CompleteUpload, request)

    async def url_of(self, ref):
        request = models_pb2.DownloadRequest(kind=ref.kind, id=ref.id)
        return (await self.call(self.models.LocateDownload, request)).url

    async def download(self, ref, offset=0):
        request = models_pb2.DownloadRequest(kind=ref.kind, id=ref.id, offset_bytes=offset)
        with ours():
            parts = self.models.Download(request, metadata=self.metadata)
            return b"".join([part.chunk.data async for part in parts])

    async def call(self, method, request):
        with ours():
            return await method(request, metadata=self.metadata)


def http(method, url, **options):
    return requests.request(method, url, timeout=30, **options)


async def eventually(condition):
    """Wait for the server's work in this same event loop."""
    while not condition():  # noqa: ASYNC110  there is nothing else to wait on from outside
        await asyncio.sleep(0)


@contextlib.contextmanager
def ours():
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error


def header(task, content, **changes):
    fields = {
        "task_id": task,
        "size_bytes": len(content),
        "digest": digest_of(content, Algorithm.BLAKE3).text,
    }
    return models_pb2.UploadPart(header=fields | changes)


def chunks(content, start=0):
    for at in range(start, len(content), MIB):
        data = content[at : at + MIB]
        yield models_pb2.UploadPart(chunk={"data": data, "crc32c": google_crc32c.value(data)})


def update_of(array):
    file = io.BytesIO()
    write_model_to(file, [array])
    return file.getvalue()
