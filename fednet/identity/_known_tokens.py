"""The tokens that were verified before: a signature is checked once for each, the end of a token every time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from fednet import limits

if TYPE_CHECKING:
    from fednet.contract import Principal


class KnownTokens:
    """Remembers `limits.known_tokens_max` tokens, those used last. For any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Principal, float | None]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, token: str, now: float) -> Principal | None:
        """Return whom a token speaks for; None if it is not known, or has ended by now, in seconds since 1970."""
        with self._lock:
            principal, ends_at = self._known.get(token, (None, None))
            if principal is None:
                return None
            if ends_at is not None and ends_at <= now:
                del self._known[token]
                return None
            self._known.move_to_end(token)
            return principal

    def add(self, token: str, principal: Principal, ends_at: float | None) -> None:
        """Remember a token whose signature is good.

        Args:
            token: The token.
            principal: Whom it speaks for.
            ends_at: When it ends, in seconds since 1970; None if it does not.
        """
        with self._lock:
            self._known[token] = principal, ends_at
            while len(self._known) > limits.known_tokens_max:
                self._known.popitem(last=False)
