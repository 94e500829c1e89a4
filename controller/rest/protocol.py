"""HTTP/1.1 on one connection: uvicorn's protocol with limits for slow and silent callers."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fednet import limits


class Connection(H11Protocol):
    """A connection that ends when nothing arrives for `limits.rest_idle_seconds_max`.

    Args:
        on_lost: Called with the connection when it has ended.
        **given: See uvicorn.
    """

    def __init__(self, *args: Any, on_lost: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._on_lost = on_lost
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Accept a new connection; close it if there are too many."""
        super().connection_made(transport)
        self.app_state = {"connection": self}
        if len(self.connections) > limits.rest_connections_max:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the connection."""
        self._watch_no_more()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the caller may be silent while a view works at its request."""
        super().data_received(data)
        if self.is_answering:
            self._watch_no_more()
        elif self._idle is None or self.conn.their_state is h11.SEND_BODY:
            self._watch()

    def on_response_complete(self) -> None:
        """Wait for the rest of an unread body, or for the next request."""
        super().on_response_complete()
        if not self.is_answering:
            self._watch()

    @property
    def is_answering(self) -> bool:
        """True while a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def drop(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def _watch(self) -> None:
        self._watch_no_more()
        self._idle = self.loop.call_later(limits.rest_idle_seconds_max, self.drop)

    def _watch_no_more(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
