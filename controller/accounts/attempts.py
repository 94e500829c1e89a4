"""Bounds on guessing: who has failed to log in often must wait, and is never locked out for ever."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from fednet import limits
from fednet.errors import Throttled


class LoginAttempts:
    """Counts the failed logins of the last minutes: of each name from each address, and of each address.

    A name is never blocked for everybody: a stranger who guesses it elsewhere does not keep its owner out. Each
    controller counts for itself. For any thread.

    Args:
        clock: Returns the time in seconds, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, ...], list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, name: str, address: str) -> None:
        """Let an attempt pass.

        Raises:
            Throttled: There were too many failures; says when to try again.
        """
        with self._lock:
            for key, failures_max in _keys(name, address):
                recent = self._recent(key)
                if len(recent) >= failures_max:
                    seconds = recent[0] + limits.login_window_seconds - self._clock()
                    raise Throttled(
                        f"Too many failed logins from {address}. Try again in {max(1, round(seconds))} s."
                    )

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        with self._lock:
            for key, failures_max in _keys(name, address):
                self._failures[key] = [*self._recent(key), self._clock()][-failures_max:]
                self._failures.move_to_end(key)
            while len(self._failures) > limits.login_addresses_max:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of a name from an address."""
        with self._lock:
            self._failures.pop((name, address), None)

    def _recent(self, key: tuple[str, ...]) -> list[float]:
        begin = self._clock() - limits.login_window_seconds
        return [at for at in self._failures.get(key, []) if at > begin]


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, ...], int], ...]:
    """Return what is counted, each with its bound."""
    return (
        ((name, address), limits.login_failures_max),
        ((address,), limits.login_address_failures_max),
    )
