"""Work that needs the state store: while the store is away, wait and do it again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fednet.backoff import backoff_seconds
from fednet.errors import FednetError, Unavailable

from .lost_time import LostTime

_log = logging.getLogger(__name__)


class Patience:
    """The repetition of work while the store is away.

    Args:
        stopping: Ends the waiting.
        lost: Counts the time.
        on_retry: Called before each repetition.
    """

    def __init__(
        self,
        stopping: threading.Event,
        lost: LostTime,
        on_retry: Callable[[], None] = lambda: None,
    ) -> None:
        self.stopping = stopping
        self._lost = lost
        self._on_retry = on_retry

    def insist(
        self, work: Callable[[], None], who: str, ends: threading.Event | None = None
    ) -> bool:
        """Try until the work is done; return False if the controller stops before.

        Args:
            work: May be done more than once.
            who: The one who waits, for the log.
            ends: Ends the waiting as well; by default only the controller's end does.

        Raises:
            FednetError: An error that does not pass by waiting.
        """
        waits = ends or self.stopping
        failures = 0
        with self._lost.store_in_use():
            while not waits.is_set():
                try:
                    work()
                except FednetError as error:
                    if not error.retryable:
                        raise
                    failures += 1
                    _log.warning("%s waits for the state store: %s", who, error)
                    self._on_retry()
                    waits.wait(backoff_seconds(failures))
                else:
                    return True
        return False


def controller_stops() -> Unavailable:
    """Return the error for requests that come while the controller stops."""
    return Unavailable("The controller is stopping. Try again when it is back.")
