"""The log behind the feed: entries in one order for all controllers, bounded by age and count.

The newest entries are held in memory, too, so that whoever keeps up costs the store nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from fednet import limits
from fednet.errors import AlreadyExists

from ..records import Records, new_id, timestamp
from .blocks import Block, Blocks
from .entries import Entry, FeedPage, IdValue

Happened = tuple[str, str, dict[str, IdValue]]
"""An entry without a number: when, its kind, its ids."""


class FeedLog:
    """Appends and reads entries. One thread appends and catches up; any thread reads.

    Args:
        records: The documents.
        controller: The name of the controller that appends.
    """

    def __init__(self, records: Records, controller: str) -> None:
        self._blocks = Blocks(records.documents)
        self._controller = controller
        self._recent: list[Entry] = []  # without a gap; the last one is the head
        self._newest_block = 0
        self._oldest = 1
        self._head = 0
        self._unpruned = 0
        self._life, self._appended = new_id(), 0
        self._lock = threading.Lock()  # over all that `_absorb` and `_begin_at` change
        oldest, newest = self._blocks.oldest(), self._blocks.newest()
        if oldest and newest:
            self._oldest = oldest.first
            self._begin_at(newest)

    @property
    def head(self) -> int:
        """The number of the newest entry that is known here; 0 if there is none."""
        return self._head

    def append(self, happened: Sequence[Happened]) -> None:
        """Append entries after all that others have appended, in blocks of `limits.feed_block_entries`.

        Raises:
            Unavailable: The store does not answer. Some may have been appended; appending again repeats them.
        """
        for first in range(0, len(happened), limits.feed_block_entries):
            self._append_block(happened[first : first + limits.feed_block_entries])
        self._prune_when_due()

    def catch_up(self) -> None:
        """Read what others have appended.

        Raises:
            Unavailable: The store does not answer.
        """
        self._read_on()
        newest = self._blocks.newest()
        if newest and newest.number > self._newest_block:
            self._read_on()
            if newest.number > self._newest_block:  # what lies between was pruned
                self._begin_at(newest)

    def after(self, number: int, entries_max: int = limits.feed_page_entries_max) -> FeedPage:
        """Return the entries after a number, from memory or from the store.

        Raises:
            Unavailable: The store does not answer.
        """
        return self.recent_after(number, entries_max) or self._stored_after(number, entries_max)

    def recent_after(self, number: int, entries_max: int) -> FeedPage | None:
        """Return the entries after a number; None if they are not in memory. Does not block."""
        with self._lock:
            head, oldest = self._head, self._oldest
            first = self._recent[0].number if self._recent else head + 1
            if not first - 1 <= number <= head:
                return None
            start = number + 1 - first
            found = self._recent[start : start + entries_max]
        return FeedPage(found, found[-1].number if found else number, head, oldest)

    # Appending

    def _append_block(self, happened: Sequence[Happened]) -> None:
        self._appended += 1
        mark = f"{self._life}-{self._appended}"
        while True:
            first = self._head + 1
            entries = [
                Entry(first + place, *each, self._controller) for place, each in enumerate(happened)
            ]
            block = Block(self._newest_block + 1, mark, entries)
            try:
                self._blocks.insert(block)
            except AlreadyExists:
                self._read_on()
                if self._newest_block < block.number:
                    self.catch_up()
            else:
                self._absorb(block)
                self._unpruned += 1
                return

    def _read_on(self) -> None:
        count = limits.feed_read_blocks
        while blocks := self._blocks.some(self._newest_block + 1, count):
            for block in blocks:
                self._absorb(block)
            if len(blocks) < count:
                return

    def _absorb(self, block: Block) -> None:
        with self._lock:
            self._newest_block, self._head = block.number, block.last
            self._recent += block.entries
            if len(self._recent) > 2 * limits.feed_recent_entries:
                del self._recent[: -limits.feed_recent_entries]

    def _begin_at(self, block: Block) -> None:
        with self._lock:
            self._newest_block, self._head = block.number, block.last
            self._recent = list(block.entries)

    # Pruning

    def _prune_when_due(self) -> None:
        if self._unpruned >= limits.feed_prune_blocks:
            self._unpruned = 0
            self.prune(timestamp_before(limits.feed_seconds_max))

    def prune(self, before: str, entries_max: int = limits.feed_entries_max) -> None:
        """Delete the oldest blocks: those from before a time, and those beyond so many entries.

        At most twice as many are deleted as may have come since the last time. The newest block stays: numbers go on
        from it.

        Raises:
            Unavailable: The store does not answer.
        """
        oldest = self._blocks.oldest()
        if oldest is None:
            return
        for block in self._blocks.some(oldest.number, 2 * limits.feed_prune_blocks + 1):
            is_old = block.entries[-1].at < before
            is_beyond = self._head - block.last >= entries_max
            if not (is_old or is_beyond) or block.number >= self._newest_block:
                self._note_oldest(block.first)
                return
            self._blocks.delete(block.number)
            self._note_oldest(block.last + 1)

    def _note_oldest(self, number: int) -> None:
        with self._lock:
            self._oldest = max(self._oldest, number)

    # Reading

    def _stored_after(self, number: int, entries_max: int) -> FeedPage:
        oldest, newest = self._blocks.oldest(), self._blocks.newest()
        if oldest is None or newest is None or number > newest.last:
            # The reader has seen a feed that is gone: a backup was restored.
            return FeedPage((), self._head, self._head, self._oldest, is_gap=True)
        self._note_oldest(oldest.first)
        head = self._head
        if number >= head:  # another controller has appended it, and this one has not read it yet
            return FeedPage((), number, number, oldest.first)
        is_gap = number + 1 < oldest.first
        block = self._block_with(max(number + 1, oldest.first), oldest)
        found: list[Entry] = []
        blocks = self._blocks.some(block, limits.feed_read_blocks)
        for each in blocks:
            found += [entry for entry in each.entries if number < entry.number <= head]
        found = found[:entries_max]
        last = found[-1].number if found else number
        return FeedPage(found, last, head, oldest.first, is_gap)

    def _block_with(self, number: int, oldest: Block) -> int:
        """Return the number of the block that holds an entry, by bisection."""
        low, high = oldest.number, self._newest_block
        while low < high:
            middle = (low + high + 1) // 2
            block = self._blocks.get(middle)
            if (
                block is None or block.first <= number
            ):  # a block that is gone lies before all that are there
                low = middle
            else:
                high = middle - 1
        return low


def timestamp_before(seconds: float) -> str:
    """Return the time so many seconds ago, as entries have it."""
    then = datetime.now(UTC) - timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def happened_now(kind: str, ids: dict[str, IdValue]) -> Happened:
    """Return an entry without a number, for something that happens now."""
    return timestamp(), kind, ids
