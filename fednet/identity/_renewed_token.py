"""A short-lived token that its owner makes anew in time."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class RenewedToken:
    """Gives a token, and makes a new one once half of its life is over. For any thread.

    Args:
        make: Makes a token.
        seconds: The life of a token.
        key_id: Returns the id of the key that signs now; a token of another key is made anew.
        clock: Returns seconds that never go back.
    """

    def __init__(
        self,
        make: Callable[[], str],
        seconds: float,
        key_id: Callable[[], str] = lambda: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._seconds = seconds
        self._key_id = key_id
        self._clock = clock
        self._signed_with = ""
        self._token = ""
        self._renew_at = clock()
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Return a token of the key that signs now, which is valid for at least half of its life."""
        with self._lock:
            key_id = self._key_id()
            if self._clock() >= self._renew_at or key_id != self._signed_with:
                self._token, self._signed_with = self._make(), key_id
                self._renew_at = self._clock() + self._seconds / 2
            return self._token
