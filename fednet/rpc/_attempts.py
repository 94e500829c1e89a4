"""Attempts at a transfer, repeated while their errors may pass and it makes way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.errors import FednetError
from fednet.rpc._errors import rpc_errors

T = TypeVar("T")


class Progress:
    """Counts failures in a row; getting further than ever begins the count anew."""

    def __init__(self) -> None:
        self.failures = 0
        self._furthest = 0

    def reached(self, offset: int) -> None:
        """So far an earlier attempt has come, in bytes or parts."""
        if offset > self._furthest:
            self.failures, self._furthest = 0, offset


def until_whole(
    attempt: Callable[[Progress], T],
    stop: threading.Event,
    attempts_max: int = limits.transfer_attempts_max,
) -> T:
    """What the first attempt without an error gives.

    Args:
        attempt: Tries, and says how far the earlier ones have come.
        stop: Set it to give up between attempts.
        attempts_max: How many in a row may fail without making way.

    Raises:
        FednetError: The last attempt's error.
    """
    progress = Progress()
    while True:
        try:
            with rpc_errors():
                return attempt(progress)
        except FednetError as problem:
            progress.failures += 1
            if not problem.retryable or progress.failures == attempts_max:
                raise
            if stop.wait(backoff_seconds(progress.failures)):
                raise
