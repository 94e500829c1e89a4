"""The clients that prepare for tasks: their changes reach the controllers at a bounded rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fednet import limits

from ..ports import ClientStream


class Preparing:
    """The changes that are not told yet. All methods belong to the event loop's thread.

    A change is told after a short pause, together with those that follow in it. A preparation that is over by then is
    not told at all.

    Args:
        tell: Called with a stream whose capabilities have changed.
    """

    def __init__(self, tell: Callable[[ClientStream], None]) -> None:
        self._tell = tell
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def changes(self, stream: ClientStream, step: str) -> None:
        """Note the step of a client's preparation; "" for its end."""
        told = stream.capabilities.preparing
        stream.prepares(step)
        if stream.client_id not in self._timers:
            self._timers[stream.client_id] = asyncio.get_running_loop().call_later(
                limits.preparing_pause_seconds, self._over, stream, told
            )

    def forget(self, client_id: str) -> None:
        """Drop the change of a client that has gone."""
        if timer := self._timers.pop(client_id, None):
            timer.cancel()

    def close(self) -> None:
        """Drop all changes."""
        for client_id in list(self._timers):
            self.forget(client_id)

    def _over(self, stream: ClientStream, told: str) -> None:
        self.forget(stream.client_id)
        if stream.capabilities.preparing != told:
            self._tell(stream)
