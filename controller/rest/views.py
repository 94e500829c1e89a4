"""The views run in a few threads; a waiting request holds none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.types import WSGIApplication


class Views:
    """The threads of a WSGI application, and the signal that the server stops.

    Args:
        app: The WSGI application.
        threads: The number of requests that are served at the same time.
        body_bytes_max: The largest body of a request.
        broken: Makes the error for an incomplete body.
        checks_heads: True if the application knows `HeadCheck`.
        behind_proxy: True if a proxy tells the application who calls.
    """

    def __init__(
        self,
        app: WSGIApplication,
        threads: int,
        body_bytes_max: int,
        broken: Callable[[], Exception],
        *,
        checks_heads: bool,
        behind_proxy: bool = False,
    ) -> None:
        self.app = app
        self.body_bytes_max = body_bytes_max
        self.broken = broken
        self.checks_heads = checks_heads
        self.behind_proxy = behind_proxy
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="rest")
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Answer all waiting requests with the current state; call it on the loop."""
        self._stopping.set()

    def close(self) -> None:
        """End the threads when their requests are answered."""
        self._pool.shutdown()

    @property
    def is_stopping(self) -> bool:
        """True if `stop` has been called."""
        return self._stopping.is_set()

    async def stopped(self) -> None:
        """Wait until `stop` is called."""
        await self._stopping.wait()

    def in_thread(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Run a blocking function in a thread."""
        return asyncio.get_running_loop().run_in_executor(self._pool, work)
