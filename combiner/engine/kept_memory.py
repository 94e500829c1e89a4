"""The memory of sums between phases: kept for the next one, and given back when none comes soon."""

from __future__ import annotations

import asyncio

from fednet import limits
from fednet.aggregation import SpareMemory


class KeptMemory:
    """Memory that phases share. All methods belong to the event loop's thread.

    Attributes:
        sums: The memory of their sums.
    """

    def __init__(self) -> None:
        self.sums = SpareMemory()
        self._going: asyncio.TimerHandle | None = None

    def phase_ended(self) -> None:
        """Give what no later phase has taken by then back to the system, after a while."""
        self.stop()
        loop = asyncio.get_running_loop()
        self._going = loop.call_later(limits.spare_memory_seconds, self.sums.drop)

    def stop(self) -> None:
        """Forget about it: this process ends."""
        if self._going:
            self._going.cancel()
