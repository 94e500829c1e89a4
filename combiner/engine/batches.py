"""Pieces that are written while the next ones arrive, a few in one visit to a thread: each visit has a price."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from fednet import limits

from ..shielded import ended, in_thread


class Batches:
    """Pieces on their way to a function that blocks; few of them wait.

    Args:
        write: Writes pieces in their order; called in a thread, one call at a time.
    """

    def __init__(self, write: Callable[[Sequence[bytes | memoryview]], None]) -> None:
        self._write = write
        self._waiting: list[bytes | memoryview] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, piece: bytes | memoryview) -> None:
        """Take a piece; wait if too many wait already. Raises the error of an earlier write."""
        self._waiting.append(piece)
        if self._writing is None or self._writing.done():
            await self.aclose()
            self._writing = asyncio.create_task(self._write_waiting())
        elif len(self._waiting) >= limits.transfer_batch_chunks:
            await self.aclose()

    async def aclose(self) -> None:
        """Wait until all pieces are written, also after an error of their source; raises the error of a write."""
        if self._writing:
            await ended(self._writing)

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await in_thread(self._write, batch)
