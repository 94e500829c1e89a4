"""The accounts of callers as they were seen last, so that a call costs no look into the store."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from fednet import limits
from fednet.identity import Claims
from fednet.storage import Document

from ..records import Records


class SeenAccounts:
    """Remembers the account of each token for `limits.account_seen_seconds`. For any thread.

    Args:
        records: The documents.
        clock: Returns the time in seconds, never backwards.
    """

    def __init__(self, records: Records, clock: Callable[[], float] = time.monotonic) -> None:
        self._records = records
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, Document | None]] = OrderedDict()
        self._changes = 0
        self._lock = threading.Lock()

    def account_of(self, claims: Claims) -> Document | None:
        """Return the account of a token; None if there is none.

        Raises:
            Unavailable: The store does not answer.
        """
        with self._lock:
            until, account = self._seen.get(claims.id, (0.0, None))
            if self._clock() < until:
                self._seen.move_to_end(claims.id)
                return account
            changes = self._changes
        account = self._records.documents.get("users", claims.principal.id)
        with self._lock:
            if changes == self._changes:
                self._seen[claims.id] = self._clock() + limits.account_seen_seconds, account
                while len(self._seen) > limits.known_tokens_max:
                    self._seen.popitem(last=False)
        return account

    def forget(self) -> None:
        """Look anew: an account has changed here."""
        with self._lock:
            self._changes += 1
            self._seen.clear()
