"""The gate before every call of a server: no valid token of the right role, no answer."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio

from fednet.contract import Principal, Role
from fednet.errors import FednetError, PermissionDenied, Unauthenticated
from fednet.rpc._errors import abort

_caller: contextvars.ContextVar[Principal] = contextvars.ContextVar("caller")


def caller_of() -> Principal:
    """Return the principal that makes the call that is being served."""
    return _caller.get()


class TokenGate(grpc.aio.ServerInterceptor):
    """Lets a call pass whose token is valid and has the role that its service asks for.

    Args:
        verify: Turns a token into a caller, or raises Unauthenticated.
        roles: The role that may call, by full service name; a service that is not named is closed.
        open_services: Services that anybody may call, such as the health check.
    """

    def __init__(
        self,
        verify: Callable[[str], Principal],
        roles: Mapping[str, Role],
        open_services: frozenset[str] = frozenset(),
    ) -> None:
        self._verify = verify
        self._roles = roles
        self._open = open_services

    async def intercept_service(
        self, go_on: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Check the token of one call, then hand it on, or answer with the refusal."""
        service = details.method.rpartition("/")[0].removeprefix("/")
        if service in self._open:
            return await go_on(details)
        handler = await go_on(details)
        if handler is None:
            return None
        try:
            _caller.set(self._admit(service, dict(details.invocation_metadata)))
        except FednetError as error:
            return _refusal(handler, error)
        return handler

    def _admit(self, service: str, metadata: Mapping[str, Any]) -> Principal:
        scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
        if scheme != "Bearer" or not token:
            raise Unauthenticated(
                "The call carries no token: send `authorization: Bearer <token>`."
            )
        caller = self._verify(token)
        if self._roles.get(service) not in caller.roles:
            roles = ", ".join(sorted(caller.roles))
            raise PermissionDenied(f"The role {roles!r} may not call {service}.")
        return caller


def _refusal(handler: Any, error: FednetError) -> Any:
    async def refuse(_request: Any, context: Any) -> None:
        await abort(context, error)

    async def refuse_stream(_request: Any, context: Any) -> Any:
        await abort(context, error)
        yield

    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse_stream)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(refuse_stream)
    if handler.request_streaming:
        return grpc.stream_unary_rpc_method_handler(refuse)
    return grpc.unary_unary_rpc_method_handler(refuse)
