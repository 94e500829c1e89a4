"""The news for one controller: numbered, kept until its acknowledgement, read by one watch at a time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from fednet import limits

from ..machine.news import Envelope, News

Stored: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Kept:
    """News that waits for its acknowledgement, which calls `stored`."""

    envelope: Envelope
    stored: Stored | None = None

    @property
    def number(self) -> int:
        """The number that acknowledges it."""
        return self.envelope.number

    @property
    def news(self) -> News:
        """The news itself."""
        return self.envelope.news


class Watcher:
    """The reader of a mailbox."""

    def __init__(self, waiting: Iterable[Envelope]) -> None:
        self._waiting = deque(waiting)
        self._arrived = asyncio.Event()
        self._is_over = False

    @property
    def waiting(self) -> int:
        """The number of news that wait to be read."""
        return len(self._waiting)

    async def next(self) -> Envelope | None:
        """Wait for the next news; None at the end of the watch."""
        while not self._waiting and not self._is_over:
            self._arrived.clear()
            await self._arrived.wait()
        return None if self._is_over else self._waiting.popleft()

    def hand(self, envelope: Envelope) -> None:
        """Give the reader news; one that is too slow is cut off, and begins anew with a snapshot."""
        if len(self._waiting) >= 2 * limits.outbox_events_max:
            self.end()
        elif not self._is_over:
            self._waiting.append(envelope)
            self._arrived.set()

    def drop(self, numbers: set[int]) -> None:
        """Take back news that has moved to another mailbox."""
        self._waiting = deque(each for each in self._waiting if each.number not in numbers)

    def end(self) -> None:
        """End the watch; unread news comes again in the next one."""
        self._waiting.clear()
        self._is_over = True
        self._arrived.set()


class Mailbox:
    """The news for one controller.

    Args:
        controller: The controller's name.
        last_number: The number before the first one.
        desert: Called when the controller has stayed away too long.
        is_deserted: True if no controller is waited for from the beginning.

    Attributes:
        size_bytes: Roughly the memory that the kept news takes.
        is_deserted: True if the controller has stayed away too long.
    """

    def __init__(
        self,
        controller: str,
        last_number: int,
        desert: Callable[[Mailbox], None],
        *,
        is_deserted: bool = False,
    ) -> None:
        self.controller = controller
        self.last_number = last_number
        self.size_bytes = 0
        self.is_deserted = is_deserted
        self._desert = desert
        self._kept: deque[Kept] = deque()
        self._watcher: Watcher | None = None
        self._timer: asyncio.TimerHandle | None = None
        if not is_deserted:
            self._wait_for_controller()

    @property
    def count(self) -> int:
        """The number of news in it."""
        return len(self._kept)

    @property
    def is_watched(self) -> bool:
        """True while its controller watches."""
        return self._watcher is not None

    @property
    def is_unused(self) -> bool:
        """True if it holds nothing and nobody watches."""
        return not self._kept and self._watcher is None

    def put(self, news: News, stored: Stored | None = None) -> None:
        """Add news."""
        envelope = Envelope(self.last_number + 1, news, time.time())
        self._append(Kept(envelope, stored))

    def take(self, given: Iterable[Kept]) -> None:
        """Add news of another mailbox, under new numbers."""
        for each in given:
            envelope = replace(each.envelope, number=self.last_number + 1)
            self._append(Kept(envelope, each.stored))

    def give(self, is_wanted: Callable[[News], bool]) -> list[Kept]:
        """Take out the wanted news, in its order."""
        given = [each for each in self._kept if is_wanted(each.news)]
        if given:
            numbers = {each.number for each in given}
            self._kept = deque(each for each in self._kept if each.number not in numbers)
            self.size_bytes -= sum(each.news.size_bytes for each in given)
            if self._watcher:
                self._watcher.drop(numbers)
        return given

    def hand_out(self, envelope: Envelope) -> None:
        """Give news to the reader, if there is one."""
        if self._watcher:
            self._watcher.hand(envelope)

    def acknowledge(self, number: int) -> None:
        """Forget the news up to a number: the controller has stored it."""
        while self._kept and self._kept[0].number <= number:
            kept = self._kept.popleft()
            self.size_bytes -= kept.news.size_bytes
            if kept.stored:  # on its own, so that its error is not the stream's
                asyncio.get_running_loop().call_soon(kept.stored)

    def begin_watch(self) -> Watcher:
        """Give the news to a new reader; the earlier one ends."""
        if self._watcher:
            self._watcher.end()
        self.close()
        self.is_deserted = False
        self._watcher = Watcher(each.envelope for each in self._kept)
        return self._watcher

    def hang_up(self) -> None:
        """End the watch of the reader, if there is one."""
        if self._watcher:
            self._watcher.end()

    def end_watch(self, watcher: Watcher) -> None:
        """Note that a reader has gone."""
        if self._watcher is watcher:
            self._watcher = None
            self._wait_for_controller()

    def close(self) -> None:
        """Wait for the controller no more."""
        if self._timer:
            self._timer.cancel()

    def _append(self, kept: Kept) -> None:
        self.last_number = kept.number
        self._kept.append(kept)
        self.size_bytes += kept.news.size_bytes
        self.hand_out(kept.envelope)

    def _wait_for_controller(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(limits.mailbox_idle_seconds_max, self._give_up)

    def _give_up(self) -> None:
        self.is_deserted = True
        self._desert(self)
