"""Channels: a token on every kind of call, and an end at any time."""

import threading

import grpc
import pytest

from fednet.errors import Unavailable
from fednet.rpc import rpc_errors


class Echo(grpc.GenericRpcHandler):
    """A method of each kind; answers with the token that came."""

    def service(self, details):
        token = dict(details.invocation_metadata).get("authorization", "").encode()
        kind = details.method.rpartition("/")[2]

        async def one(_request, _context):
            return token

        async def many(_request, _context):
            yield token

        async def silent(_request, context):
            await context.send_initial_metadata(())
            async for _ in _request:
                pass

        return {
            "unary_unary": grpc.unary_unary_rpc_method_handler(one),
            "unary_stream": grpc.unary_stream_rpc_method_handler(many),
            "stream_unary": grpc.stream_unary_rpc_method_handler(one),
            "stream_stream": grpc.stream_stream_rpc_method_handler(many),
            "silent": grpc.stream_unary_rpc_method_handler(silent),
        }[kind]


@pytest.fixture(scope="module")
def address(serve):
    return serve(lambda server: server.add_generic_rpc_handlers((Echo(),)))


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
def test_every_kind_of_call_carries_the_token(address, channel_to, kind):
    """Also beside a time-out, and also a second time."""
    method = getattr(channel_to(address, "secret"), kind)(f"/test.Echo/{kind}")
    request = iter([b""]) if kind.startswith("stream") else b""

    answer = method(request, timeout=10)

    token = answer if kind.endswith("unary") else next(iter(answer))
    assert token == b"Bearer secret"


def test_close_ends_a_call_that_waits(address, channel_to):
    """From another thread, at once."""
    channel = channel_to(address)
    begun, outcome = threading.Event(), []

    def endless():
        begun.set()
        yield from iter(threading.Event().wait, None)

    def call():
        try:
            with rpc_errors():
                channel.stream_unary("/test.Echo/silent")(endless())
        except Unavailable as error:
            outcome.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    begun.wait(10)
    channel.close()
    caller.join(10)

    assert len(outcome) == 1


def test_close_may_be_repeated(address, channel_to):
    """The second one does nothing."""
    channel = channel_to(address)

    channel.close()
    channel.close()


def test_a_server_that_is_not_there_is_unavailable(channel_to):
    """The first call says so, with no wait."""
    method = channel_to("127.0.0.1:1").unary_unary("/test.Echo/unary_unary")

    with pytest.raises(Unavailable), rpc_errors():
        method(b"", timeout=10)
