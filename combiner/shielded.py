"""Work that a cancelled caller does not break off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
    return await ended(asyncio.to_thread(function, *arguments, **named))
