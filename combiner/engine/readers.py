"""Readers of a value whose writers wait meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator


class Readers:
    """The present readers of one value. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read the value inside the block; writers wait."""
        self._count += 1
        self._none.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._none.set()

    async def wait_for_none(self) -> None:
        """Wait until nobody reads the value."""
        await self._none.wait()
