"""fednet's errors to gRPC's and back: the one border between the two."""

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

_ERROR_KEY = "fednet-error"
_CHANNEL_CLOSED = re.compile("closed channel|channel closed", re.IGNORECASE)


async def abort(context: grpc.aio.ServicerContext, error: FednetError) -> NoReturn:  # type: ignore[type-arg]  # the stub's generics say nothing here
    """End a call with one of our errors; the other end gets the same class back.

    Both texts travel as HTTP/2 headers, which a receiver refuses when they are long: they are cut.
    """
    field = error.field and error.field[: limits.name_characters_max]
    message = error.message.encode(errors="replace")[: limits.error_bytes_max]
    await context.abort(
        grpc.StatusCode[error.grpc_status],
        message.decode(errors="ignore"),
        trailing_metadata=((_ERROR_KEY, json.dumps({"code": error.code, "field": field})),),
    )
    raise AssertionError("abort always raises")


def from_rpc_error(error: grpc.RpcError) -> FednetError:
    """The error that the other end meant; a broken connection becomes Unavailable."""
    status: grpc.StatusCode = error.code()
    message = error.details() or status.name
    described = _described(error.trailing_metadata())
    if kind := every_error().get(str(described.get("code"))):
        field = described.get("field")
        return kind(message, field=None if field is None else str(field))
    return _kind_of_status(status)(f"{message} ({status.name})")


def _described(trailing: Iterable[Any] | None) -> dict[str, Any]:
    """What our own code at the other end said of its error; empty where it said nothing readable."""
    bodies = (body for key, body in trailing or () if key == _ERROR_KEY)
    try:
        described = json.loads(next(bodies, "{}"))
    except (ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


def _kind_of_status(status: grpc.StatusCode) -> type[FednetError]:
    """The class for a status that gRPC itself gave, or a server that is not ours."""
    by_grpc: dict[grpc.StatusCode, type[FednetError]] = {
        grpc.StatusCode.CANCELLED: Unavailable,
        grpc.StatusCode.ABORTED: Conflict,
        grpc.StatusCode.UNKNOWN: FednetError,  # an exception that the server's code did not catch
        grpc.StatusCode.UNIMPLEMENTED: FednetError,  # the server knows no such method
        grpc.StatusCode.OUT_OF_RANGE: InvalidInput,
    }
    by_name = {kind.grpc_status: kind for kind in reversed(list(every_error().values()))}
    return by_grpc.get(status) or by_name.get(status.name, FednetError)


@contextlib.contextmanager
def rpc_errors() -> Iterator[None]:
    """Turn gRPC's errors inside the block into ours, also what it says of a call on a closed channel."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
    except ValueError as error:
        if not _CHANNEL_CLOSED.search(str(error)):
            raise
        raise Unavailable("The connection was closed.") from error
