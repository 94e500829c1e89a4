"""The server of pages: a few short connections at a time, each for one request."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Final

import h11

from fednet import limits
from fednet.addresses import join_address
from fednet.errors import Unavailable
from fednet.monitoring._pages import Page, Pages

_log = logging.getLogger(__name__)
_METHODS: Final = (b"GET", b"HEAD")


class MonitoringServer:
    """Serves pages in the running event loop.

    A connection has `limits.monitoring_seconds_max` for its request and its answer. With
    `limits.monitoring_connections_max` open ones, a newcomer takes the place of the oldest, so that silent callers keep
    nobody out.

    Args:
        pages: The pages.

    Attributes:
        port: The port that it listens on.
    """

    def __init__(self, pages: Pages) -> None:
        self.port = 0
        self._pages = pages
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}  # the oldest first
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen on an address of this machine; port 0 picks a free one.

        Raises:
            Unavailable: The port is taken, or this machine does not have the host.
        """
        try:
            self._server = await asyncio.start_server(
                self._connected, host, port, limit=limits.monitoring_head_bytes_max
            )
        except OSError as error:
            raise Unavailable(
                f"The monitoring pages cannot listen on {join_address(host, port)}: {error.strerror}. "
                "Choose another port with --monitoring-port, or 0 for a free one; or another "
                "--monitoring-host.",
                field="monitoring_port",
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]
        _log.info("monitoring pages are at http://%s", join_address(host, self.port))

    async def close(self) -> None:
        """Stop listening, and end all connections."""
        if self._server:
            self._server.close()
        for writer in self._open.values():
            writer.transport.abort()
        if self._open:
            await asyncio.wait(self._open)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= limits.monitoring_connections_max:
            self._open.pop(next(iter(self._open))).transport.abort()
        task = asyncio.create_task(self._serve(reader, writer))
        self._open[task] = writer
        task.add_done_callback(lambda task: self._open.pop(task, None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(limits.monitoring_seconds_max):
                await self._answer(reader, writer)
        except (TimeoutError, OSError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; nothing where the caller leaves before it is whole."""
        http = h11.Connection(h11.SERVER, limits.monitoring_head_bytes_max)
        try:
            request = await _request(http, reader)
        except h11.RemoteProtocolError as error:
            writer.write(_bytes_of(http, _refusal(HTTPStatus(error.error_status_hint))))
        else:
            if request:
                page = self._page(request)
                writer.write(_bytes_of(http, page, has_body=request.method != b"HEAD"))
        await writer.drain()

    def _page(self, request: h11.Request) -> Page:
        if request.method not in _METHODS:
            return _refusal(HTTPStatus.METHOD_NOT_ALLOWED)
        path = request.target.partition(b"?")[0].decode("latin-1")
        make = self._pages.get(path)
        if make is None:
            return _refusal(HTTPStatus.NOT_FOUND)
        try:
            return make()
        except Exception:  # noqa: BLE001  a page must not end the server
            _log.exception("the monitoring page %s failed", path)
            return _refusal(HTTPStatus.INTERNAL_SERVER_ERROR)


async def _request(http: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Return the head of a request; None if the caller leaves before."""
    while (event := http.next_event()) is h11.NEED_DATA:
        data = await reader.read(limits.monitoring_head_bytes_max)
        http.receive_data(data)
        if not data:
            return None
    return event if isinstance(event, h11.Request) else None


def _refusal(status: HTTPStatus) -> Page:
    return Page(f"{status.phrase}\n".encode(), status=status)


def _bytes_of(http: h11.Connection, page: Page, *, has_body: bool = True) -> bytes:
    headers = {
        "Content-Type": page.content_type,
        "Content-Length": str(len(page.body)),
        "Connection": "close",
    }
    head = h11.Response(
        status_code=page.status, reason=page.status.phrase, headers=list(headers.items())
    )
    events = (head, *[h11.Data(page.body)] * has_body, h11.EndOfMessage())
    return b"".join(http.send(event) or b"" for event in events)
