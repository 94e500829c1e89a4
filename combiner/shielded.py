"""Work that a cancelled caller does not break off."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def ended(work: Awaitable[T]) -> T:
    """Wait for the end of work that cannot be broken off, also when the caller itself is cancelled meanwhile."""
    going_on = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(going_on)
    except asyncio.CancelledError:
        await asyncio.gather(going_on, return_exceptions=True)
        raise


async def in_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Run a blocking function to its end, in a thread."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    return await ended(
        loop.run_in_executor(None, partial(context.run, function, *arguments, **named))
    )
