"""The TLS handshake of a new connection, which counts among the open connections from its first byte on."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import cast

from fednet import limits

from .connections import Connections
from .protocol import Connection

_log = logging.getLogger(__name__)


class Handshake(asyncio.Protocol):
    """A connection until its TLS handshake is done; then the connection of requests takes its place.

    Args:
        connection: Takes over after the handshake.
        context: The server's certificate and rules.
        open_connections: All connections of the server.
    """

    def __init__(
        self, connection: Connection, context: ssl.SSLContext, open_connections: Connections
    ) -> None:
        self._connection = connection
        self._context = context
        self._open_connections = open_connections
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._early: list[bytes] = []  # arrives with the end of the handshake
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake; close the connection if there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if peer else ""
        self._transport.pause_reading()  # nothing that arrives is clear text
        if self._open_connections.enter(self):
            self._task = asyncio.get_running_loop().create_task(self._shake_hands(self._transport))
        else:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Keep what arrives before the connection of requests has taken over."""
        self._early.append(data)

    def drop(self) -> None:
        """End the connection at once."""
        if self._transport:
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        try:
            secure = await loop.start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=limits.rest_head_seconds_max,
                ssl_shutdown_timeout=limits.tls_close_seconds_max,
            )
        except OSError as error:  # an ssl.SSLError is one
            _log.debug("the TLS handshake with %s failed: %s", self.address, error)
            return
        finally:
            self._open_connections.leave(self)
        if secure is None or secure.is_closing():  # the caller has gone
            return
        secure.set_protocol(self._connection)
        self._connection.connection_made(secure)
        for data in self._early:
            self._connection.data_received(data)
