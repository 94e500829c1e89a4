"""Attempts at a transfer, repeated while their errors are temporary and they make progress."""

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
    """The number of failures in a row; progress resets it."""

    def __init__(self) -> None:
        self.failures = 0
        self._furthest = 0

    def reached(self, offset: int) -> None:
        """Note the position that earlier attempts have reached, in bytes or parts."""
        if offset > self._furthest:
            self.failures, self._furthest = 0, offset


def until_whole(
    attempt: Callable[[Progress], T],
    stop: threading.Event,
    attempts_max: int = limits.transfer_attempts_max,
) -> T:
    """Return the result of the first attempt without an error.

    Args:
        attempt: Performs one attempt, and notes the position that earlier attempts have reached.
        stop: Set it to give up between attempts.
        attempts_max: The largest number of failures in a row without progress.

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
