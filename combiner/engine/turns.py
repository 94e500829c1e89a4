"""Orders about one thing, carried out one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Turns:
    """Queues of work by key: work waits for earlier work under its key. All belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Task[Any]] = {}

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do work in its turn; it goes on also if the caller is cancelled."""
        task = asyncio.create_task(self._after(self._last.get(key), work))
        self._last[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for all work that is under way."""
        await asyncio.gather(*self._last.values(), return_exceptions=True)

    async def _after(
        self, earlier: asyncio.Task[Any] | None, work: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        if earlier:
            await asyncio.wait([earlier])
        return await work()

    def _ended(self, key: str, task: asyncio.Task[Any]) -> None:
        if self._last.get(key) is task:
            del self._last[key]
        if not task.cancelled():
            task.exception()  # the caller may have gone
