"""The server of pages in a thread, for processes without an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from fednet.errors import Unavailable
from fednet.monitoring._pages import Pages
from fednet.monitoring._server import MonitoringServer


@contextlib.contextmanager
def monitored(host: str, port: int | None, pages: Pages) -> Iterator[int | None]:
    """Serve pages in a thread while the block lasts; yield the port, None if nothing is served.

    Args:
        host: An address of this machine.
        port: The port; 0 picks a free one, None serves nothing.
        pages: The pages.

    Raises:
        Unavailable: The port is taken, or this machine does not have the host.
    """
    if port is None:
        yield None
        return
    server = MonitoringServer(pages)
    is_up: Future[Callable[[], None]] = Future()
    work = _serve_until_stopped(server, host, port, is_up)
    thread = threading.Thread(target=asyncio.run, args=[work], name="monitoring", daemon=True)
    thread.start()
    try:
        stop = is_up.result()
    except Unavailable:
        thread.join()
        raise
    try:
        yield server.port
    finally:
        stop()
        thread.join()


async def _serve_until_stopped(
    server: MonitoringServer, host: str, port: int, is_up: Future[Callable[[], None]]
) -> None:
    """Serve pages; `is_up` gets the function that stops it, from any thread."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    try:
        await server.start(host, port)
    except Exception as error:  # noqa: BLE001  it is raised where the server is started
        is_up.set_exception(error)
        return

    def stop() -> None:
        loop.call_soon_threadsafe(stopping.set)

    is_up.set_result(stop)
    await stopping.wait()
    await server.close()
