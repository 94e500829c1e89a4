"""One stream of a combiner's news: arrivals are stored in a thread of their own, then acknowledged."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fednet import limits
from fednet.errors import FednetError

from ...tokens.trust import TrustChange
from .news import News, Snapshot

_log = logging.getLogger(__name__)

Absorb = Callable[[str, Sequence[News]], None]
"""Stores a combiner's news; news is acknowledged once this has returned."""


@dataclass(frozen=True)
class Mark:
    """The number up to which news is stored, in one process of a combiner."""

    epoch: str
    number: int


class Watch:
    """The intake of one stream.

    Args:
        name: The combiner's name.
        absorb: Stores a batch of news.
        hang_up: Ends the stream.

    Attributes:
        spoke: True once anything has come.
        failed: True once something could not be stored. Nothing more of this stream is stored then.
    """

    def __init__(self, name: str, absorb: Absorb, hang_up: Callable[[], None]) -> None:
        self.spoke = False
        self.failed = False
        self._name = name
        self._absorb = absorb
        self._hang_up = hang_up
        self._epoch = ""
        self._arrived: queue.Queue[News | None] = queue.Queue(limits.queue_messages_max)
        self._outgoing: queue.Queue[Mark | TrustChange | None] = queue.Queue()
        self._thread = threading.Thread(target=self._store, name=f"link-{name}-store", daemon=True)
        self._thread.start()

    def outgoing(self) -> Iterator[Mark | TrustChange | None]:
        """Yield marks of stored news and changes of trust as they come, until the stream is closed.

        None comes between them from time to time: a moment to renew the stream's token.
        """
        while True:
            try:
                each = self._outgoing.get(timeout=limits.control_token_seconds / 4)
            except queue.Empty:
                yield None
                continue
            if each is None:
                return
            yield each

    @property
    def waiting(self) -> int:
        """The number of news that are not stored yet."""
        return self._arrived.qsize()

    def tell(self, change: TrustChange) -> None:
        """Send a change of trust; one that is not sent before the stream ends is part of the beginning of the next."""
        if self._outgoing.qsize() >= limits.queue_messages_max:
            self._hang_up()
        self._outgoing.put(change)

    def take(self, news: News) -> None:
        """Take an event; wait while too many are not stored yet."""
        self.spoke = True
        self._arrived.put(news)

    def close(self) -> None:
        """Store all that has arrived, then end."""
        self._arrived.put(None)
        self._thread.join()
        self._outgoing.put(None)

    def _store(self) -> None:
        """Take everything to the end, also news that is not stored any more, so that nobody waits for room."""
        while batch := self._next_batch():
            if self.failed:
                continue
            try:
                self._absorb(self._name, batch)
            except Exception as error:  # noqa: BLE001  the stream must recover from anything
                self._fail(error)
            else:
                self._acknowledge(batch)

    def _fail(self, error: Exception) -> None:
        self.failed = True
        if isinstance(error, FednetError) and error.retryable:
            _log.info("news of %s is asked for again: %s", self._name, error)
        else:
            _log.error(
                "news of %s could not be stored; it is asked for again", self._name, exc_info=error
            )
        self._hang_up()

    def _acknowledge(self, batch: Sequence[News]) -> None:
        for news in batch:
            if isinstance(news.what, Snapshot):
                self._epoch = news.what.epoch
        if number := max(news.number for news in batch):
            self._outgoing.put(Mark(self._epoch, number))

    def _next_batch(self) -> list[News]:
        """Wait for news, and take all that has arrived with it; an empty batch is the end."""
        batch: list[News] = []
        news = self._arrived.get()
        while news is not None:
            batch.append(news)
            if self._arrived.empty() or len(batch) >= limits.queue_messages_max:
                return batch
            news = self._arrived.get()
        if batch:
            self._arrived.put(None)
        return batch
