"""Doing what needs the state store, for as long as it takes: while the store is away, wait and do it again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fednet.backoff import backoff_seconds
from fednet.errors import FednetError, Unavailable

_log = logging.getLogger(__name__)


def insistently(work: Callable[[], None], stopping: threading.Event, who: str) -> bool:
    """Try until it is done; whether it is, or the controller stops before.

    Args:
        work: May be done more than once.
        stopping: Ends the waiting.
        who: Who waits, for the log.

    Raises:
        FednetError: What does not pass by waiting.
    """
    failures = 0
    while not stopping.is_set():
        try:
            work()
        except FednetError as error:
            if not error.retryable:
                raise
            failures += 1
            _log.warning("%s waits: %s", who, error)
            stopping.wait(backoff_seconds(failures))
        else:
            return True
    return False


def controller_stops() -> Unavailable:
    """What is said to whoever asks for something while the controller stops."""
    return Unavailable("The controller is stopping. Try again when it is back.")
