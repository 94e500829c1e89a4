"""An HTTP server in a thread of this process: one event loop for all connections, a few threads for the views."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import cast
from wsgiref.types import WSGIApplication

from uvicorn.config import Config
from uvicorn.server import ServerState
from werkzeug.exceptions import ClientDisconnected

from fednet import limits
from fednet.tls import ServerFiles

from .connections import Connections
from .handshake import Handshake
from .protocol import Connection
from .request import Message, Receive, RequestInHand, Send
from .views import Views


@contextlib.contextmanager
def serving(
    app: WSGIApplication,
    listening: socket.socket,
    threads: int,
    connections: Connections | None = None,
    *,
    checks_heads: bool = False,
    behind_proxy: bool = False,
    files: ServerFiles | None = None,
    drain_seconds: float = limits.stop_seconds_max,
) -> Iterator[Callable[[], None]]:
    """Serve requests in threads of this process while the block lasts; finish running requests at the end.

    The block gets a function that begins the end, for any thread; it does not wait.

    Args:
        app: The WSGI application.
        listening: A socket that listens; closed at the end.
        threads: The number of requests that are served at the same time.
        connections: The bounds on open connections; by default those of `limits`.
        checks_heads: The application knows `HeadCheck`, and is asked before a body is read.
        behind_proxy: The application is told what a proxy says of callers.
        files: The certificate with which the server speaks TLS; None for clear text.
        drain_seconds: The time for running requests at the end.
    """
    if connections is None:
        connections = Connections(limits.rest_connections_max, limits.rest_address_connections_max)
    bytes_max = limits.model_bytes_max + limits.upload_overhead_bytes_max

    def views() -> Views:
        return Views(
            app,
            threads,
            bytes_max,
            ClientDisconnected,
            checks_heads=checks_heads,
            behind_proxy=behind_proxy,
        )

    server = _Server(views, connections, files, drain_seconds)
    is_up: Future[None] = Future()
    thread = threading.Thread(
        target=asyncio.run, args=[server.run(listening, is_up)], name="rest", daemon=True
    )
    thread.start()
    try:
        is_up.result()
        yield server.stop
    finally:
        server.stop()
        thread.join()


class _Server:
    """Accepts connections until it is told to stop."""

    def __init__(
        self,
        views: Callable[[], Views],
        connections: Connections,
        files: ServerFiles | None,
        drain_seconds: float,
    ) -> None:
        self._views = views  # made on the loop
        self._connections = connections
        self._files = files
        self._drain_seconds = drain_seconds
        self._state = ServerState()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, listening: socket.socket, is_up: Future[None]) -> None:
        """Serve on a socket."""
        try:
            self._loop = asyncio.get_running_loop()
            self._stopping, self._is_empty = asyncio.Event(), asyncio.Event()
            views = self._views()
            config = _config(views)
            server = await self._loop.create_server(
                lambda: self._accepted(config),
                sock=listening,
                backlog=limits.rest_backlog_connections,
            )
        except Exception as error:  # noqa: BLE001  it is raised where the server is started
            is_up.set_exception(error)
            return
        is_up.set_result(None)
        await self._stopping.wait()
        server.close()
        views.stop()
        await self._end_connections()
        await self._loop.run_in_executor(None, views.close)

    def stop(self) -> None:
        """Stop from any thread."""
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stopping.set)

    def _accepted(self, config: Config) -> asyncio.Protocol:
        """Return the protocol of a new connection: with TLS, that of its handshake comes first."""
        connection = self._connection(config)
        if self._files is None:
            return connection
        return Handshake(connection, self._files.newest().context, self._connections)

    def _connection(self, config: Config) -> Connection:
        return Connection(
            config,
            self._state,
            {},
            _loop=self._loop,
            open_connections=self._connections,
            on_lost=self._lost,
        )

    async def _end_connections(self) -> None:
        """Finish running requests; then drop the remaining connections."""
        for connection in list(self._state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(self._drain_seconds):
                while self._state.connections:
                    self._is_empty.clear()
                    await self._is_empty.wait()
        except TimeoutError:
            for connection in list(self._state.connections):
                cast("Connection", connection).drop()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)

    def _lost(self, _connection: Connection) -> None:
        self._is_empty.set()


def _config(views: Views) -> Config:
    async def answer(scope: Message, receive: Receive, send: Send) -> None:
        await RequestInHand(views, scope, receive, send).run()

    config = Config(
        answer,
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=int(limits.rest_idle_seconds_max),
    )
    config.load()
    return config
