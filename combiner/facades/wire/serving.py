"""The services of fednet's own protocol on one server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from fednet.identity import Claims
from fednet.rpc import TokenGate, add_models_service
from fednet.wire import rounds_pb2_grpc, tasks_pb2_grpc

from ...ports import GatePort, Ports
from .message_gate import MessageGate
from .models_service import ModelsService
from .rounds_service import RoundsService
from .tasks_service import TasksService

_OPEN_SERVICES: Final = frozenset({"grpc.health.v1.Health"})
_LIVE: Final = "live"
_READY: Final = ("", "ready")
_Status = health_pb2.HealthCheckResponse


class WireHealth:
    """The health of a combiner, as the health checks of gRPC tell it.

    The service `live` serves as long as the process does. `ready`, and the one without a name, serve until the combiner
    stops.

    Args:
        servicer: Answers the checks.
    """

    def __init__(self, servicer: health_aio.HealthServicer) -> None:
        self._servicer = servicer

    async def set_serving(self) -> None:
        """Tell that the combiner serves."""
        await self._set(_Status.SERVING, _LIVE, *_READY)

    async def set_stopping(self) -> None:
        """Tell that the combiner takes nothing new."""
        await self._set(_Status.NOT_SERVING, *_READY)

    async def _set(self, status: int, *services: str) -> None:
        for each in services:
            await self._servicer.set(each, status)


def gates(read: Callable[[str], Claims]) -> list[grpc.aio.ServerInterceptor]:
    """Return the gates before the services, in the order of a server's interceptors.

    Args:
        read: Returns the content of a token, or raises Unauthenticated.
    """
    return [MessageGate(), TokenGate(read, _OPEN_SERVICES)]


async def serve_wire(server: grpc.aio.Server, ports: Ports, gate: GatePort) -> WireHealth:
    """Add the services to a server and start it; from then on the health check says that it serves."""
    tasks_pb2_grpc.add_TasksServicer_to_server(TasksService(ports.clients, gate), server)
    add_models_service(ModelsService(ports.uploads, ports.blobs), server)
    rounds_pb2_grpc.add_RoundsServicer_to_server(RoundsService(ports.controllers, gate), server)
    servicer = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    health = WireHealth(servicer)
    await health.set_serving()
    await server.start()
    return health
