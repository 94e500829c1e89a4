"""Threads for blocking calls and tasks for background work; every failure in them is reported."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from prometheus_client import Gauge

from fednet.errors import FednetError, Unavailable
from fednet.log_context import in_context

_log = logging.getLogger(__name__)


class Workers:
    """The workers of one combiner. All methods belong to the event loop's thread.

    Args:
        name: The name of the threads.
        threads: The number of threads.
        work: Counts what waits or is under way.
    """

    def __init__(self, name: str, threads: int, work: Gauge) -> None:
        self._work = work
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"{name}-worker")
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a blocking function outside the event loop.

        Raises:
            FednetError: It failed; any other error is logged and becomes one.
        """
        loop = asyncio.get_running_loop()
        try:
            with self._work.track_inprogress():
                work = in_context(partial(function, *arguments))
                return await loop.run_in_executor(self._threads, work)
        except FednetError:
            raise
        except OSError as error:
            raise Unavailable(f"The combiner cannot use a file: {error.strerror}.") from error
        except Exception as error:
            _log.exception("%s failed", function.__name__)
            raise FednetError("The combiner failed; its log says why.") from error

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something in the background; its error is logged, because nobody may be waiting for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Wait for all work that is under way, then end the threads."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("work of the combiner failed", exc_info=error)
