"""The gate before the rpcs: every rpc with every role, and with tokens that are worth nothing."""

import asyncio

import grpc
import pytest
from bad_tokens import bad_tokens
from grpc_health.v1 import health_pb2

from fednet.combiner.facades.wire.models_service import ModelsService
from fednet.combiner.facades.wire.rounds_service import RoundsService
from fednet.combiner.facades.wire.tasks_service import TasksService
from fednet.contract import PERMISSIONS, Permission, Role, permission_of
from fednet.identity import combiner_audience
from fednet.wire import models_pb2, rounds_pb2, tasks_pb2

COMBINER_ID = "combiner-1-id"  # of `served`
SERVICES = {
    "Models": (models_pb2, ModelsService),
    "Rounds": (rounds_pb2, RoundsService),
    "Tasks": (tasks_pb2, TasksService),
}


def rpcs():
    """Every rpc of the wire contract: its full method, its shape, and the permission that it states."""
    for name, (module, servicer) in SERVICES.items():
        service = module.DESCRIPTOR.services_by_name[name]
        for method in service.methods:
            shape = (method.client_streaming, method.server_streaming)
            permission = permission_of(getattr(servicer, method.name))
            yield f"/{service.full_name}/{method.name}", shape, permission


async def code_of(called, method, shape, metadata):
    """Call an rpc with an empty message and return the code with which it ends."""
    channel = called.blocking_channel
    makers = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }
    is_sending, is_receiving = shape
    request = iter([b""]) if is_sending else b""

    def call():
        answer = makers[shape](method)(request, metadata=metadata, timeout=10)
        if is_receiving:
            next(answer, None)
            answer.cancel()

    try:
        await asyncio.to_thread(call)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_every_rpc_states_its_permission():
    """An rpc is closed until it says who may call it."""
    stated = list(rpcs())

    assert len(stated) > 10
    assert {permission for _, _, permission in stated} == {
        Permission.ROUNDS_ORDER,
        Permission.TASKS_WORK,
    }


@pytest.mark.parametrize("role", Role)
async def test_a_role_is_let_through_by_its_permissions_only(served, role):
    """PERMISSION_DENIED to all others, whatever they send."""
    async with served() as caller:
        called = await caller(role)
        for method, shape, permission in rpcs():
            code = await code_of(called, method, shape, called.metadata)
            is_refused = code is grpc.StatusCode.PERMISSION_DENIED
            assert is_refused is (permission not in PERMISSIONS[role]), method
            assert code is not grpc.StatusCode.UNAUTHENTICATED, method


async def test_a_worthless_token_opens_no_rpc(served, signer):
    """None, an expired, a foreign, a tampered, an unsigned and a cut one: UNAUTHENTICATED on every rpc."""
    tokens = {"none": None}
    for role in Role:
        wrong_ones = bad_tokens(signer, role, combiner_audience(COMBINER_ID))
        tokens |= {f"{role}: {what}": token for what, token in wrong_ones.items()}
    async with served() as caller:
        called = await caller()
        for method, shape, _ in rpcs():
            for wrong, token in tokens.items():
                metadata = [("authorization", f"Bearer {token}")] if token else []
                code = await code_of(called, method, shape, metadata)
                assert code is grpc.StatusCode.UNAUTHENTICATED, (wrong, method)


@pytest.mark.parametrize("role", Role)
async def test_a_revoked_token_opens_no_rpc(served, role):
    """UNAUTHENTICATED on every rpc, from the moment at which a controller tells of it."""
    async with served() as caller:
        called = await caller(role, "somebody")
        caller.gatekeeper.refuse(["somebody"])
        for method, shape, _ in rpcs():
            code = await code_of(called, method, shape, called.metadata)
            assert code is grpc.StatusCode.UNAUTHENTICATED, method


async def test_the_health_check_is_open(served):
    """Whoever watches over the process needs no token."""
    async with served() as caller:
        called = await caller()
        answer = await called.health.Check(health_pb2.HealthCheckRequest())

    assert answer.status == health_pb2.HealthCheckResponse.SERVING
