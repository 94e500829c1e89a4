"""Bytes that are no messages, and messages that are too large: they end their call, and nothing else."""

import asyncio

import grpc
import pytest
from wire_calls import chunks, header

from fednet import limits
from fednet.contract import Role
from fednet.wire import models_pb2, rounds_pb2

SECONDS = 200
NO_MESSAGES = {
    "noise": b"\xff" * 40,
    "a field without an end": b"\x12\xff\xff\xff\xff\x7fabc",
    "nested without an end": b"\x0a" * 500,
    "empty": b"",
}
STREAMS = ["/fednet.wire.Models/Upload", "/fednet.wire.Tasks/Connect"]


SINGLE = [
    (f"/{service.full_name}/{method.name}", role)
    for module, role in ((models_pb2, Role.CLIENT), (rounds_pb2, Role.CONTROLLER))
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if not method.client_streaming
]


def raw(caller, method, *messages):
    """Send bytes as the messages of a call; return the status that answers them."""
    error = refusal(caller, method, *messages)
    return error.code() if error else grpc.StatusCode.OK


def refusal(caller, method, *messages):
    """Send bytes as the messages of a call; return the error that answers them, or None."""
    call = caller.blocking_channel.stream_stream(method)
    try:
        list(call(iter(messages), metadata=caller.metadata, timeout=SECONDS))
    except grpc.RpcError as error:
        return error
    return None


@pytest.mark.parametrize("what", NO_MESSAGES)
@pytest.mark.parametrize("method", STREAMS)
async def test_what_is_no_message_ends_its_stream_only(uploading, method, what):
    """It is refused as invalid, and the next upload of the same client is taken."""
    async with uploading() as (_, client, task, update):
        status = await asyncio.to_thread(raw, client, method, NO_MESSAGES[what])

        assert status is grpc.StatusCode.INVALID_ARGUMENT
        assert (await client.upload([header(task, update), *chunks(update)])).size_bytes


@pytest.mark.parametrize("what", [each for each in NO_MESSAGES if NO_MESSAGES[each]])
@pytest.mark.parametrize(("method", "role"), SINGLE)
async def test_what_is_no_message_is_refused_as_invalid(served, method, role, what):
    """An rpc that takes one message does so too, and names itself."""
    async with served() as caller:
        called = await caller(role)

        error = await asyncio.to_thread(refusal, called, method, NO_MESSAGES[what])

    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert f"The message to {method} is not of its protocol" in error.details()


@pytest.mark.parametrize("method", [*STREAMS, "/fednet.wire.Models/Received"])
async def test_a_message_one_byte_beyond_its_limit_is_refused_unread(uploading, method):
    """Whoever sends it, and whatever is in it."""
    async with uploading() as (_, client, task, update):
        large = bytes(limits.message_bytes_max + 1)

        status = await asyncio.to_thread(raw, client, method, large)

        assert status is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await client.upload([header(task, update), *chunks(update)])).size_bytes
