"""A combiner that somebody else has written: it registers, keeps the tokens that it is shown, and claims clients."""

import asyncio
import contextlib
import queue

import grpc.aio

from fednet.http import Http
from fednet.testing._loop import LoopThread
from fednet.wire import rounds_pb2, rounds_pb2_grpc


class _Rounds(rounds_pb2_grpc.RoundsServicer):
    def __init__(self, claimed, shown):
        self._claimed = claimed
        self._shown = shown

    async def Watch(self, _acknowledgements, context):  # noqa: N802  gRPC names it so
        metadata = dict(context.invocation_metadata())
        self._shown.put(metadata["authorization"].removeprefix("Bearer "))
        able = {"kinds": ["TRAIN"]}
        snapshot = {"epoch": "rogue", "clients": dict.fromkeys(self._claimed, able)}
        yield rounds_pb2.Event(snapshot=snapshot)
        for client in self._claimed:
            yield rounds_pb2.Event(client_id=client, client_joined=able)
        await asyncio.Event().wait()


class RogueCombiner:
    """A combiner that has registered by the rules, and keeps none after that.

    Args:
        net: The network that it is in.
        name: Its name.
        claimed: The ids of clients that it claims to serve.

    Attributes:
        place: The answer to its registration.
        shown: The tokens of those who have called it.
    """

    def __init__(self, net, name, claimed=()):
        self.shown = queue.Queue()
        self._loop = LoopThread(name)
        self._server = self._loop.run(self._start(claimed))
        with contextlib.closing(Http(net.api_url, net.token)) as http:
            body = {"name": name, "address": f"127.0.0.1:{self._port}"}
            self.place = http.call("POST", "/api/v1/combiners/register", body=body)

    async def _start(self, claimed):
        server = grpc.aio.server()
        rounds_pb2_grpc.add_RoundsServicer_to_server(_Rounds(claimed, self.shown), server)
        self._port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server

    def close(self):
        self._loop.run(self._server.stop(None))
        self._loop.close()
