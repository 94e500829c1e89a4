"""What the combiner has to tell the controller: numbered, kept until the controller has stored it.

A watch begins with everything that was not acknowledged, then goes on with what happens. Numbers begin anew with each
process; the epoch says which process it was.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

from fednet import limits
from fednet.errors import LimitExceeded
from fednet.wire import rounds_pb2


@dataclass
class _Kept:
    event: rounds_pb2.Event
    stored: Callable[[], None] | None


@dataclass
class _Watcher:
    events: deque[rounds_pb2.Event]
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    overrun: bool = False


class Outbox:
    """The events of one combiner process. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self.epoch = str(uuid.uuid4())
        self._last_number = 0
        self._kept: deque[_Kept] = deque()
        self._kept_bytes = 0
        self._watchers: list[_Watcher] = []

    def put(self, *, stored: Callable[[], None] | None = None, **event: Any) -> None:
        """Tell something that must not be lost.

        Args:
            stored: Called once the controller has acknowledged it.
            event: The fields of `Event` to set, by their names.
        """
        self._last_number += 1
        numbered = rounds_pb2.Event(number=self._last_number, happened_at=time.time(), **event)
        self._kept.append(_Kept(numbered, stored))
        self._kept_bytes += numbered.ByteSize()
        self._hand_out(numbered)

    def offer(self, **event: Any) -> None:
        """Tell something that may be lost: dropped while the controller is too far behind.

        Clients decide how much of it there is, so it may fill only half of the room.
        """
        if (
            len(self._kept) < limits.outbox_events_max // 2
            and self._kept_bytes < limits.outbox_bytes_max // 2
        ):
            self.put(**event)

    def mention(self, **event: Any) -> None:
        """Tell something that only matters to who listens now; a later snapshot says it anyway."""
        self._hand_out(rounds_pb2.Event(happened_at=time.time(), **event))

    def check_room(self, events: int) -> None:
        """Refuse new work while the controller has not taken the news of the old.

        Raises:
            LimitExceeded: There is no room for that many events more.
        """
        too_many = len(self._kept) + events > limits.outbox_events_max
        if too_many or self._kept_bytes > limits.outbox_bytes_max:
            raise LimitExceeded(
                f"The combiner holds {len(self._kept)} events ({self._kept_bytes} bytes) that the "
                "controller has not stored yet."
            )

    def acknowledge(self, epoch: str, number: int) -> None:
        """The controller has stored everything up to this number."""
        if epoch != self.epoch:
            return
        while self._kept and self._kept[0].event.number <= number:
            kept = self._kept.popleft()
            self._kept_bytes -= kept.event.ByteSize()
            if kept.stored:  # on its own, so that its error is not the stream's
                asyncio.get_running_loop().call_soon(kept.stored)

    async def follow(self, first: rounds_pb2.Event) -> AsyncGenerator[rounds_pb2.Event]:
        """The given event, all that is not acknowledged, then everything that happens.

        Ends when the reader is so slow that its queue is full, and throws the queue away: the next watch begins anew
        with a snapshot.
        """
        watcher = _Watcher(deque([first, *(kept.event for kept in self._kept)]))
        self._watchers.append(watcher)
        try:
            while not watcher.overrun:
                if watcher.events:
                    yield watcher.events.popleft()
                else:
                    watcher.arrived.clear()
                    await watcher.arrived.wait()
        finally:
            self._watchers.remove(watcher)

    def _hand_out(self, event: rounds_pb2.Event) -> None:
        for watcher in self._watchers:
            if len(watcher.events) >= 2 * limits.outbox_events_max:
                watcher.overrun = True
            if watcher.overrun:
                watcher.events.clear()
            else:
                watcher.events.append(event)
            watcher.arrived.set()
