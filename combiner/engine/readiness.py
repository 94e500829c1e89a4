"""The readiness of clients for tasks: its changes reach the controllers at a bounded rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from fednet import limits
from fednet.readiness import Readiness

from ..ports import ClientStream


@dataclass(frozen=True)
class _Change:
    """A change that is not told yet, with the readiness that was told last."""

    stream: ClientStream
    told: Readiness
    timer: asyncio.TimerHandle


class ReadinessChanges:
    """The changes that are not told yet. All methods belong to the event loop's thread.

    A change is told after a short pause, together with those that follow in it. A preparation that is over by then is
    not told at all.

    Args:
        tell: Called with a stream whose capabilities have changed.
    """

    def __init__(self, tell: Callable[[ClientStream], None]) -> None:
        self._tell = tell
        self._changes: dict[str, _Change] = {}  # by client

    def changes(self, stream: ClientStream, readiness: Readiness) -> None:
        """Note what a client waits for now."""
        told = stream.capabilities.readiness
        stream.waits(readiness)
        if (client := stream.client_id) not in self._changes:
            loop, seconds = asyncio.get_running_loop(), limits.preparing_pause_seconds
            timer = loop.call_later(seconds, self.tell_now, client)
            self._changes[client] = _Change(stream, told, timer)

    def tell_now(self, client_id: str) -> None:
        """Tell the change of a client, if there is one."""
        if change := self._changes.pop(client_id, None):
            change.timer.cancel()
            if change.stream.capabilities.readiness != change.told:
                self._tell(change.stream)

    def forget(self, client_id: str) -> None:
        """Drop the change of a client that has gone."""
        if change := self._changes.pop(client_id, None):
            change.timer.cancel()

    def close(self) -> None:
        """Drop all changes."""
        for client_id in list(self._changes):
            self.forget(client_id)
