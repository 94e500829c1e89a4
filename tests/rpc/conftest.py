"""A real server on loopback: files in pieces, with faults on demand, and a method of each kind."""

import contextlib
import io

import grpc
import grpc.aio
import pytest

from fednet import limits
from fednet.digests import Digest
from fednet.errors import FednetError, Unavailable
from fednet.rpc import (
    Receiver,
    abort,
    add_models_service,
    channel_options,
    download_messages,
    open_channel,
)
from fednet.testing._loop import LoopThread
from fednet.wire import models_pb2, models_pb2_grpc

PIECE_BYTES = 64


@pytest.fixture(scope="module", autouse=True)
def _small_and_quick():
    """Pieces of a few bytes and pauses of a few milliseconds, so that many faults fit into a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "chunk_bytes", PIECE_BYTES)
        patch.setattr(limits, "retry_seconds_first", 0.001)
        patch.setattr(limits, "retry_seconds_max", 0.005)
        yield


class FileServer(models_pb2_grpc.ModelsServicer):
    """Takes and gives one file. What goes wrong is said beforehand, attempt by attempt.

    Attributes:
        path: The file.
        breaks_after: How many pieces pass in each of the next attempts before it breaks off.
        spoils: How many of the next downloads have a piece that is not what its checksum says.
        lies: How many of the next downloads hold other bytes, their checksums right.
        refusal: What every call is refused with.
        attempts: The offset of each attempt.
        asked: How often somebody asked how much is here.
    """

    def __init__(self, path):
        self.path = path
        self.breaks_after = []
        self.spoils = self.lies = self.asked = 0
        self.refusal = None
        self.attempts = []

    async def Received(self, _request, context):  # noqa: N802 (gRPC names it)
        self.asked += 1
        async with self._answering(context):
            size = self.path.stat().st_size if self.path.exists() else 0
            return models_pb2.UploadOffset(offset_bytes=size or Receiver.offset_of(self.path))

    async def Upload(self, parts, context):  # noqa: N802
        async with self._answering(context):
            header = await anext(aiter(parts))
            self.attempts.append(header.offset_bytes)
            if not self.path.exists():
                await self._take(header, parts)
            return models_pb2.UploadReceipt(size_bytes=header.size_bytes, digest=header.digest)

    async def _take(self, header, parts):
        fault = self._next_fault()
        announced = Digest.read(header.digest, header.size_bytes)
        with Receiver(self.path, announced, header.offset_bytes) as receiver:
            async for part in parts:
                fault()
                receiver.write(part.checked_data())
            fault()
            receiver.finish()

    async def Download(self, request, context):  # noqa: N802
        async with self._answering(context):
            self.attempts.append(request.offset_bytes)
            fault = self._next_fault()
            with self.path.open("rb") as file:
                for message in download_messages(file, request.offset_bytes):
                    fault()
                    yield self._falsified(message)

    def _falsified(self, message):
        part = models_pb2.DownloadPart.FromString(message)
        other = bytes(len(part.chunk.data))
        if self.spoils:
            self.spoils -= 1
            part.chunk.data = other
            return part.SerializeToString()
        if self.lies:
            self.lies -= 1
            (message,) = download_messages(io.BytesIO(other), 0)
        return message

    def _next_fault(self):
        left = self.breaks_after.pop(0) if self.breaks_after else None

        def fault():
            nonlocal left
            if left == 0:
                raise Unavailable("The link broke.")
            left = left and left - 1

        return fault

    @contextlib.asynccontextmanager
    async def _answering(self, context):
        try:
            if self.refusal:
                raise self.refusal
            yield
        except FednetError as error:
            await abort(context, error)


@pytest.fixture(scope="module")
def loop():
    loop = LoopThread("server")
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def serve(loop):
    """Starts a server with handlers or a servicer; gives its address."""
    servers = []

    async def start(register, interceptors):
        server = grpc.aio.server(interceptors=interceptors, options=channel_options(server=True))
        register(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield lambda register, *interceptors: loop.run(start(register, interceptors))
    for server in servers:
        loop.run(server.stop(None))


@pytest.fixture(scope="module")
def channel_to():
    """Opens channels that are closed at the end."""
    with contextlib.ExitStack() as opened:

        def open_to(address, token="token"):
            channel = open_channel(address, token)
            opened.callback(channel.close)
            return channel

        yield open_to


@pytest.fixture(scope="module")
def server_of_files(serve, tmp_path_factory):
    """The servicer, of which each test begins with an empty folder, and its address."""
    servicer = FileServer(tmp_path_factory.mktemp("there") / "file")
    address = serve(lambda server: add_models_service(servicer, server))
    return servicer, address
