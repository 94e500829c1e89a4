"""The feed of one controller: appends in its own thread, and wakes those who wait.

The feed is not the truth. State is committed first, and then the entry is appended; a crash between the two loses the
entry, never the state.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError

from .entries import EntryKind, FeedPage, IdValue, Interest
from .listeners import FeedListener, Listeners
from .log import FeedLog, Happened, happened_now

_log = logging.getLogger(__name__)


class Feed:
    """Appends entries, reads them, and wakes those who wait for one.

    Args:
        log: The entries in the state store.
    """

    def __init__(self, log: FeedLog) -> None:
        self._log = log
        self._listeners = Listeners(limits.feed_listeners_max)
        self._waiting: deque[Happened] = deque()
        self._lost = 0
        self._is_behind = False
        self._is_closing = False
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    @property
    def head(self) -> int:
        """The number of the newest entry; 0 if there is none."""
        return self._log.head

    @property
    def listeners(self) -> int:
        """The number of those who wait."""
        return len(self._listeners)

    def append(self, kind: EntryKind, **ids: IdValue) -> None:
        """Hand over an entry; returns at once. Entries are appended in the order in which they are handed over."""
        with self._changed:
            if len(self._waiting) >= limits.feed_waiting_entries_max:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(happened_now(kind, ids))
            self._changed.notify()

    def client_seen(self, client_id: str, combiner: str, is_online: bool) -> None:
        """Hand over the entry of a client that has connected to a combiner, or has gone from it."""
        kind = EntryKind.CLIENT_JOINED if is_online else EntryKind.CLIENT_LEFT
        self.append(kind, client_id=client_id, combiner=combiner)

    def revoked(self, revoked_id: str) -> None:
        """Hand over the entry of a token or a principal that is refused from now on."""
        self.append(EntryKind.REVOKED, revoked_id=revoked_id)

    def keys_changed(self) -> None:
        """Hand over the entry of a change of the signing keys."""
        self.append(EntryKind.KEYS_CHANGED)

    def look(self) -> None:
        """Read soon what other controllers have appended; returns at once."""
        with self._changed:
            self._is_behind = True
            self._changed.notify()

    def after(self, number: int, entries_max: int = limits.feed_page_entries_max) -> FeedPage:
        """Return the entries after a number. May block for the store.

        Raises:
            Unavailable: The store does not answer.
        """
        if number > self._log.head:
            self.look()
        return self._log.after(number, entries_max)

    def recent_after(self, number: int, entries_max: int) -> FeedPage | None:
        """Return the entries after a number, if they are in memory; does not block."""
        return self._log.recent_after(number, entries_max)

    def listen(self, interest: Interest) -> FeedListener | None:
        """Return a listener for the entries of interest that come from now on.

        Register it before you look at the state: then no entry falls between.

        Returns:
            None if there are `limits.feed_listeners_max` already, or the controller stops.
        """
        return self._listeners.add(interest)

    def close(self) -> None:
        """Append what waits, if the store answers; then wake everybody and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._closing.set()
        self._thread.join()
        self._listeners.close()

    # The thread

    def _run(self) -> None:
        failures = 0
        while (taken := self._take()) is not None:
            try:
                self._work(*taken)
                failures = 0
            except FednetError as error:
                failures += 1
                _log.warning("the feed waits for the state store: %s", error)
                self._put_back(*taken)
                if self._closing.wait(backoff_seconds(failures)):
                    return
            except Exception:  # noqa: BLE001  the next entries must be appended all the same
                _log.exception("%d entries of the feed are dropped", len(taken[0]))

    def _take(self) -> tuple[list[Happened], bool] | None:
        """Wait for something to do; return None once all is done and the feed closes."""
        with self._changed:
            while not (self._waiting or self._is_behind):
                if self._is_closing:
                    return None
                self._changed.wait()
            batch, is_behind = self._batch(), self._is_behind
            self._is_behind = False
            return batch, is_behind

    def _batch(self) -> list[Happened]:
        count = min(len(self._waiting), limits.feed_block_entries - 1)
        batch = [self._waiting.popleft() for _ in range(count)]
        if self._lost:
            batch.insert(0, happened_now(EntryKind.ENTRIES_LOST, {"count": self._lost}))
            self._lost = 0
        return batch

    def _work(self, batch: list[Happened], is_behind: bool) -> None:
        before = self._log.head
        if is_behind:
            self._log.catch_up()
        if batch:
            self._log.append(batch)
        self._tell(before)

    def _tell(self, before: int) -> None:
        """Wake those who wait for what has come since; everybody, if that is more than memory holds."""
        while before < self._log.head:
            page = self._log.recent_after(before, limits.feed_page_entries_max)
            if page is None or page.is_gap:
                self._listeners.wake_all()
                return
            self._listeners.tell(page.entries)
            before = page.next

    def _put_back(self, batch: list[Happened], is_behind: bool) -> None:
        with self._changed:
            self._waiting.extendleft(reversed(batch))
            self._is_behind |= is_behind
