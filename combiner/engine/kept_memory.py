"""Memory between phases: kept for the next one, and given back when none comes soon."""

from __future__ import annotations

import asyncio

from fednet import limits
from fednet.aggregation import SpareMemory

from .remains import Remains


class KeptMemory:
    """Memory that phases share. All methods belong to the event loop's thread.

    Args:
        remains: Files of phases, with which the system keeps their memory.

    Attributes:
        sums: The memory of their sums.
    """

    def __init__(self, remains: Remains) -> None:
        self.sums = SpareMemory()
        self._remains = remains
        self._going: asyncio.TimerHandle | None = None

    def phase_ended(self) -> None:
        """Give what no later phase has taken by then back to the system, after a while."""
        self._cancel()
        loop = asyncio.get_running_loop()
        self._going = loop.call_later(limits.spare_memory_seconds, self._give_back)

    def close(self) -> None:
        """Delete the files that remain: this process ends, and its memory with it."""
        self._cancel()
        self._remains.clear()

    def _cancel(self) -> None:
        if self._going:
            self._going.cancel()

    def _give_back(self) -> None:
        self.sums.drop()
        asyncio.get_running_loop().run_in_executor(None, self._remains.clear)
