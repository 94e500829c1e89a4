"""Calls of the services: errors go to the other end, and some work is never broken off."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from fednet.errors import FednetError, Unavailable
from fednet.rpc import abort

T = TypeVar("T")


@contextlib.asynccontextmanager
async def errors_to(context: Any) -> AsyncIterator[None]:
    """End a call with the error that is raised inside the block."""
    try:
        yield
    except FednetError as error:
        await abort(context, error)
    except OSError as error:
        await abort(context, Unavailable(f"The combiner cannot use a file: {error.strerror}."))


async def ended(work: Awaitable[T]) -> T:
    """Wait for the end of work that cannot be broken off, also when the call itself is cancelled meanwhile."""
    going_on = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(going_on)
    except asyncio.CancelledError:
        await asyncio.gather(going_on, return_exceptions=True)
        raise


async def in_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run a blocking function to its end, in a thread."""
    return await ended(asyncio.to_thread(function, *arguments, **named))
