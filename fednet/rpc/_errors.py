"""fednet's errors to gRPC's and back: the one border between the two."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import NoReturn

import grpc
import grpc.aio

from fednet import limits
from fednet.errors import (
    Conflict,
    DeadlineExceeded,
    FednetError,
    Unavailable,
    every_error,
)

_ERROR_KEY = "fednet-error"


async def abort(context: grpc.aio.ServicerContext, error: FednetError) -> NoReturn:  # type: ignore[type-arg]  # the stub's generics say nothing here
    """End a call with one of our errors; the other end gets the same class back."""
    body = json.dumps({"code": error.code, "field": error.field})
    await context.abort(
        grpc.StatusCode[error.grpc_status],
        error.message[: limits.json_bytes_max],
        trailing_metadata=((_ERROR_KEY, body),),
    )
    raise AssertionError("abort always raises")


def from_rpc_error(error: grpc.RpcError) -> FednetError:
    """The error that the other end meant; a broken connection becomes Unavailable."""
    status: grpc.StatusCode = error.code()
    message = error.details() or status.name
    kinds = every_error()
    trailing = {each.key: each.value for each in error.trailing_metadata() or ()}
    if body := trailing.get(_ERROR_KEY):
        described = json.loads(body)
        kind = kinds.get(described.get("code"), FednetError)
        return kind(message, field=described.get("field"))
    return _kind_of_status(status)(f"{message} ({status.name})")


def _kind_of_status(status: grpc.StatusCode) -> type[FednetError]:
    transient = {
        grpc.StatusCode.CANCELLED: Unavailable,
        grpc.StatusCode.UNAVAILABLE: Unavailable,
        grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
        grpc.StatusCode.ABORTED: Conflict,
    }
    if status in transient:
        return transient[status]
    by_status = {kind.grpc_status: kind for kind in reversed(list(every_error().values()))}
    return by_status.get(status.name, FednetError)


@contextlib.contextmanager
def rpc_errors() -> Iterator[None]:
    """Turn gRPC's errors inside the block into ours."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
