"""The gate before every rpc: a call passes if its token's roles have the permission that the rpc states."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio

from fednet.contract import Permission, Principal, check_permission, permission_of
from fednet.errors import FednetError, Unauthenticated
from fednet.identity import Claims
from fednet.rpc._errors import abort

_claims: contextvars.ContextVar[Claims] = contextvars.ContextVar("claims")


def caller_of() -> Principal:
    """Return the principal that makes the call that is being served."""
    return _claims.get().principal


def claims_of() -> Claims:
    """Return the content of the token with which the call that is being served was made."""
    return _claims.get()


class TokenGate(grpc.aio.ServerInterceptor):
    """Lets a call pass whose token is valid and whose caller has the permission that the rpc states.

    An rpc that states no permission is closed.

    Args:
        read: Returns the content of a token, or raises Unauthenticated.
        open_services: Services that anybody may call, such as the health check.
    """

    def __init__(
        self,
        read: Callable[[str], Claims],
        open_services: frozenset[str] = frozenset(),
    ) -> None:
        self._read = read
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
            metadata = dict(details.invocation_metadata)
            _claims.set(self._admit(details.method, _permission(handler), metadata))
        except FednetError as error:
            return _refusal(handler, error)
        return handler

    def _admit(
        self, method: str, permission: Permission | None, metadata: Mapping[str, Any]
    ) -> Claims:
        scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
        if scheme != "Bearer" or not token:
            raise Unauthenticated(
                "The call carries no token: send `authorization: Bearer <token>`."
            )
        claims = self._read(token)
        check_permission(claims.principal, permission, method)
        return claims


def _permission(handler: Any) -> Permission | None:
    """Return the permission that an rpc states; None if it states none."""
    found = permission_of(
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    return found if isinstance(found, Permission) else None


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
