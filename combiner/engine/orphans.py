"""Shared partials of released phases that the blob store has not deleted yet."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError

from .partials import SharedPartials
from .spool import Spool
from .workers import Workers

_log = logging.getLogger(__name__)


class Orphans:
    """The partials to delete; while the blob store is away, deletion is tried again and again.

    Args:
        partials: The partials in the blob store.
        spool: Remembers which are still to be deleted.
        workers: Threads for blocking calls.
    """

    def __init__(self, partials: SharedPartials, spool: Spool, workers: Workers) -> None:
        self._partials = partials
        self._spool = spool
        self._workers = workers
        self._retrying: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()

    def discard(self, phase_id: str) -> None:
        """Delete a phase's partial, in a worker thread; one that stays is tried again by `retry`."""
        try:
            self._spool.keep_orphan(phase_id)
            self._delete(phase_id)
        except FednetError as error:
            _log.warning("the partial of phase %s stays in the blob store: %s", phase_id, error)

    def retry(self) -> None:
        """Delete the remaining partials in the background; from the event loop's thread."""
        if self._retrying is None or self._retrying.done():
            self._retrying = self._workers.spawn(self._retry())

    def stop(self) -> None:
        """Stop trying; the next process goes on."""
        self._stopped.set()

    async def _retry(self) -> None:
        failures = 0
        while not self._stopped.is_set() and failures < limits.orphan_attempts_max:
            try:
                await self._workers.run(self._delete_all)
            except FednetError:
                failures += 1
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), backoff_seconds(failures))
            else:
                return

    def _delete_all(self) -> None:
        for phase_id in self._spool.orphans():
            self._delete(phase_id)

    def _delete(self, phase_id: str) -> None:
        self._partials.discard(phase_id)
        self._spool.forget_orphan(phase_id)
