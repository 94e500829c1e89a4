"""The feed as server-sent events: one connection, no thread."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

from fednet import limits
from fednet.errors import Unavailable

from ..rest.later import InThread
from .entries import FeedPage, Interest
from .feed import Feed
from .listeners import FeedListener

_KEEPALIVE: Final = b": nothing has happened\n\n"


class FeedStream:
    """Sends entries as they come, from a number on; see the HTML standard for the format.

    An event has the entry's kind as its name, its number as its id, and the entry as JSON. An event `gap` says that
    entries are not kept any more: the reader must read the state anew.

    Args:
        feed: The feed.
        after: The number of the last entry that the reader has.
        interest: The entries that it wants.
    """

    def __init__(self, feed: Feed, after: int, interest: Interest) -> None:
        self._feed = feed
        self._after = after
        self._interest = interest

    async def pieces(self, in_thread: InThread) -> AsyncGenerator[bytes, None]:
        """Yield events until the store is away, the feed is closed, or `limits.feed_stream_seconds_max` are over."""
        ends_at = time.monotonic() + limits.feed_stream_seconds_max
        while time.monotonic() < ends_at:
            listener = self._feed.listen(self._interest)
            if listener is None:
                return
            try:
                page = await self._page(in_thread)
                if page is None:
                    return
                if piece := self._events(page):
                    yield piece
                elif page.next >= page.head and not await _is_woken(listener):
                    yield _KEEPALIVE
            finally:
                listener.close()

    async def _page(self, in_thread: InThread) -> FeedPage | None:
        """Return the next entries; None if the store does not answer."""
        page = self._feed.recent_after(self._after, limits.feed_page_entries_max)
        with suppress(Unavailable):
            return page or await in_thread(lambda: self._feed.after(self._after))
        return None

    def _events(self, page: FeedPage) -> bytes:
        self._after = page.next
        parts = [_event("gap", page.next, {"oldest": page.oldest})] if page.is_gap else []
        chosen = page.chosen(self._interest).entries
        parts += [_event(entry.kind, entry.number, entry.to_dict()) for entry in chosen]
        return "".join(parts).encode()


def _event(name: str, number: int, data: dict[str, object]) -> str:
    return f"event: {name}\nid: {number}\ndata: {json.dumps(data)}\n\n"


async def _is_woken(listener: FeedListener) -> bool:
    """Wait until the listener is woken, or it is time to show that the connection lives."""
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(woken.set)

    listener.on_wake(wake)
    with suppress(TimeoutError):
        async with asyncio.timeout(limits.feed_keepalive_seconds):
            await woken.wait()
    return woken.is_set()
