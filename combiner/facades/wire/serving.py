"""The services of fednet's own protocol on one server."""

from __future__ import annotations

from typing import Final

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from fednet.rpc import add_models_service
from fednet.wire import rounds_pb2_grpc, tasks_pb2_grpc

from ...ports import GatePort, Ports
from .models_service import ModelsService
from .rounds_service import RoundsService
from .tasks_service import TasksService

OPEN_SERVICES: Final = frozenset({"grpc.health.v1.Health"})


async def serve_wire(server: grpc.aio.Server, ports: Ports, gate: GatePort) -> None:
    """Add the services to a server and start it; from then on the health check says that it serves."""
    tasks_pb2_grpc.add_TasksServicer_to_server(TasksService(ports.clients, gate), server)
    add_models_service(ModelsService(ports.uploads, ports.blobs), server)
    rounds_pb2_grpc.add_RoundsServicer_to_server(RoundsService(ports.controllers, gate), server)
    health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    await server.start()
