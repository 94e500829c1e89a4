"""HTTP/1.1 on one connection: uvicorn's protocol with limits for slow and silent callers."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fednet import limits

from .connections import Connections
from .counted_chunks import CountedChunks

_NO_PLACE: Final = b"Too many connections are open. Try again.\n"
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nConnection: close\r\n"
    b"Retry-After: 1\r\nContent-Length: %d\r\n\r\n%s" % (len(_NO_PLACE), _NO_PLACE)
)


class Connection(H11Protocol):
    """A connection that ends if its caller is too slow or silent for too long.

    The head of a request has `limits.rest_head_seconds_max`, and a connection may rest between two requests for
    `limits.rest_idle_seconds_max`. The rest of a body that was refused is read up to `limits.rest_unread_bytes_max`, so
    that the caller sees the answer.

    Args:
        open_connections: All connections of the server.
        on_lost: Called with the connection when it has ended.
        **given: See uvicorn.
    """

    def __init__(
        self, *args: Any, open_connections: Connections, on_lost: Any, **given: Any
    ) -> None:
        super().__init__(*args, **given)
        self.conn = CountedChunks(h11.SERVER, limits.rest_head_bytes_max)
        self._open_connections = open_connections
        self._on_lost = on_lost
        self._timer: asyncio.TimerHandle | None = None
        self._is_in_head = True
        self._unread_bytes = 0

    @property
    def address(self) -> str:
        """The address of the caller."""
        return self.client[0] if self.client else ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Accept a new connection; close it if there are too many."""
        super().connection_made(transport)
        self.app_state = {"connection": self}
        if self._open_connections.enter(self):
            self._end_after(limits.rest_head_seconds_max)
        else:
            transport.write(_REFUSAL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end of the connection."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        self._open_connections.leave(self)
        super().connection_lost(exc)
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Take bytes in; the caller may be silent while a view works at its request."""
        super().data_received(data)
        if self.is_answering:
            self._stop_timer()
            self._open_connections.note_busy(self)
        elif self.conn.their_state is h11.SEND_BODY:
            self._pass_over(len(data))
        elif not self._is_in_head:
            self._is_in_head = True
            self._end_after(limits.rest_head_seconds_max)

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are no request; end the connection if its answer has begun already."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.drop()

    def on_response_complete(self) -> None:
        """Wait for the rest of an unread body, or for the next request."""
        super().on_response_complete()
        self._unread_bytes = 0
        if not self.is_answering:
            self._rest()

    @property
    def is_answering(self) -> bool:
        """True while a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def has_whole_request(self) -> bool:
        """True if the present request has arrived to its end."""
        return self.cycle is not None and not self.cycle.more_body

    def drop(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    def _rest(self) -> None:
        self._open_connections.note_spare(self)
        self._is_in_head = self.conn.their_state is h11.SEND_BODY
        self._end_after(
            limits.rest_head_seconds_max if self._is_in_head else limits.rest_idle_seconds_max
        )

    def _pass_over(self, size_bytes: int) -> None:
        """Drop bytes of a body that nobody reads any more; end the connection if there are too many."""
        self._unread_bytes += size_bytes
        if self._unread_bytes > limits.rest_unread_bytes_max and not self.transport.is_closing():
            if not self.transport.can_write_eof():  # as over TLS
                self.transport.close()
                return
            self.transport.write_eof()  # before the abort, so that the caller reads the answer
            self.drop()

    def _end_after(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(seconds, self.drop)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
