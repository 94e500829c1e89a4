"""The gate before the rpcs that take one message: bytes that are no such message are refused as invalid."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from fednet.errors import InvalidInput
from fednet.rpc import abort


class MessageGate(grpc.aio.ServerInterceptor):
    """Answers bytes that cannot be parsed with InvalidInput, where gRPC itself would answer UNKNOWN.

    The services read the messages of streams themselves, and refuse them by `errors_to`.
    """

    async def intercept_service(
        self, go_on: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Return the handler of one call, which refuses what its parser refuses."""
        handler = await go_on(details)
        if handler is None or handler.request_streaming or not handler.request_deserializer:
            return handler
        refusal = InvalidInput(
            f"The message to {details.method} is not of its protocol. Use one version of fednet."
        )
        return _refusing(handler, refusal)


def _refusing(handler: Any, refusal: InvalidInput) -> Any:
    """Return the same handler, which refuses a request without a message; gRPC gives it None then."""

    def parsed(content: bytes) -> Any:
        try:
            return handler.request_deserializer(content)
        except DecodeError:
            return None

    async def answer(request: Any, context: Any) -> Any:
        if request is None:
            await abort(context, refusal)
        return await handler.unary_unary(request, context)

    async def stream(request: Any, context: Any) -> Any:
        if request is None:
            await abort(context, refusal)
        async with aclosing(handler.unary_stream(request, context)) as messages:
            async for message in messages:
                yield message

    serialize = handler.response_serializer
    if handler.unary_unary:
        return grpc.unary_unary_rpc_method_handler(answer, parsed, serialize)
    if inspect.isasyncgenfunction(handler.unary_stream):
        return grpc.unary_stream_rpc_method_handler(stream, parsed, serialize)
    return handler
