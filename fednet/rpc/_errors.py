"""Maps fednet's errors to gRPC's and back."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import grpc
import grpc.aio

from fednet import limits
from fednet.errors import Conflict, FednetError, InvalidInput, Unavailable, every_error
from fednet.proxies import Proxy
from fednet.tls import CERTIFICATE_ADVICE, trust_advice

_ERROR_KEY = "fednet-error"
_ENDED_AT_ONCE = re.compile("failed to connect.*Socket closed", re.DOTALL)
_CHANNEL_CLOSED = re.compile("closed channel|channel closed", re.IGNORECASE)


async def abort(context: grpc.aio.ServicerContext, error: FednetError) -> NoReturn:  # type: ignore[type-arg]  # the stub's generics say nothing here
    """End a call with one of our errors; the other end raises the same class.

    Both texts travel as HTTP/2 headers, which a receiver refuses if they are long, so they are cut.
    """
    field = error.field and error.field[: limits.name_characters_max]
    message = error.message.encode(errors="replace")[: limits.error_bytes_max]
    await context.abort(
        grpc.StatusCode[error.grpc_status],
        message.decode(errors="ignore"),
        trailing_metadata=((_ERROR_KEY, json.dumps({"code": error.code, "field": field})),),
    )
    raise AssertionError("abort always raises")


def from_rpc_error(error: grpc.RpcError, proxy: Proxy | None = None) -> FednetError:
    """Return the error of the other end; a broken connection becomes Unavailable.

    Args:
        error: The error of a call.
        proxy: The proxy through which the call went, for the message of gRPC's own errors.
    """
    status: grpc.StatusCode = error.code()
    message = error.details() or status.name
    described = _described(error.trailing_metadata())
    if kind := every_error().get(str(described.get("code"))):
        field = described.get("field")
        return kind(message, field=None if field is None else str(field))
    said = f"{message} ({status.name})"
    if advice := _tls_advice(message):
        said = f"{said}. {advice}"
    return _kind_of_status(status)(f"{said}. {proxy}" if proxy else said)


def _tls_advice(message: str) -> str:
    """Return what to do about a connection that TLS has refused; "" for another one."""
    if "CERTIFICATE_VERIFY_FAILED" in message or "in peer certificate" in message:
        return f"The certificate is not trusted here. {trust_advice('the server')}"
    if "WRONG_VERSION_NUMBER" in message:
        return (
            "The server speaks no TLS, though the network says so: correct its --tls-certificate or its "
            "--advertise-tls."
        )
    if _ENDED_AT_ONCE.search(message):
        return (
            "The server ends connections at once: it speaks TLS, though the network does not say so, or it lets only "
            f"callers with a certificate in. {CERTIFICATE_ADVICE}"
        )
    return ""


def _described(trailing: Iterable[Any] | None) -> dict[str, Any]:
    """Return the description of the error by our code at the other end; empty if there is none."""
    bodies = (body for key, body in trailing or () if key == _ERROR_KEY)
    try:
        described = json.loads(next(bodies, "{}"))
    except (ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


def _kind_of_status(status: grpc.StatusCode) -> type[FednetError]:
    """Return the class for a status of gRPC itself, or of a foreign server."""
    by_grpc: dict[grpc.StatusCode, type[FednetError]] = {
        grpc.StatusCode.CANCELLED: Unavailable,
        grpc.StatusCode.ABORTED: Conflict,
        grpc.StatusCode.UNKNOWN: FednetError,  # the server's code has not caught an exception
        grpc.StatusCode.UNIMPLEMENTED: FednetError,  # the server does not have the method
        grpc.StatusCode.OUT_OF_RANGE: InvalidInput,
    }
    by_name = {kind.grpc_status: kind for kind in reversed(list(every_error().values()))}
    return by_grpc.get(status) or by_name.get(status.name, FednetError)


@contextlib.contextmanager
def rpc_errors(proxy: Proxy | None = None) -> Iterator[None]:
    """Map gRPC's errors in the block to ours, also that of a call on a closed channel.

    Args:
        proxy: The proxy through which the calls go, if there is one.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error, proxy) from error
    except ValueError as error:
        if not _CHANNEL_CLOSED.search(str(error)):
            raise
        raise Unavailable("The connection was closed.") from error
