"""Putting a partial into the blob store, which may be away for a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from fednet.aggregation import Partial
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError

from ..machine.events import Finished
from .partials import SharedPartials
from .workers import Workers

_log = logging.getLogger(__name__)


class Sharing:
    """One partial on its way into the blob store.

    Args:
        partials: The partials in the blob store.
        workers: Threads for blocking calls.
        phase_id: The phase whose partial it is.
        seconds_left: Returns the time until it is not tried again, in seconds.
    """

    def __init__(
        self,
        partials: SharedPartials,
        workers: Workers,
        phase_id: str,
        seconds_left: Callable[[], float],
    ) -> None:
        self._partials = partials
        self._workers = workers
        self._phase_id = phase_id
        self._seconds_left = seconds_left
        self._given_up = asyncio.Event()

    def give_up(self) -> None:
        """Stop trying: nobody waits for it."""
        self._given_up.set()

    async def share(self, partial: Partial) -> Finished:
        """Put the partial into the store; return its digest, or the reason of a failure."""
        failures = 0
        while True:
            try:
                digest = await self._workers.run(self._partials.share, self._phase_id, partial)
            except FednetError as error:
                failures += 1
                if not error.retryable or not await self._may_try_again(failures):
                    return Finished(error.message)
                _log.warning("phase %s waits for the blob store: %s", self._phase_id, error)
            else:
                return Finished(partial=digest)

    async def _may_try_again(self, failures: int) -> bool:
        """Pause, but not beyond the deadline; return True if another attempt is worth it."""
        seconds = min(backoff_seconds(failures), self._seconds_left())
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._given_up.wait(), seconds)
        return seconds > 0 and not self._given_up.is_set()
