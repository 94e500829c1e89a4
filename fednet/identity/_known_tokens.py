"""The tokens that were verified before: a signature is checked once for each, the end of a token every time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from fednet import limits

if TYPE_CHECKING:
    from fednet.identity._claims import Claims


class KnownTokens:
    """Remembers `limits.known_tokens_max` tokens, those used last. For any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Claims] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, token: str, now: float) -> Claims | None:
        """Return a token's content; None if it is not known, or has ended by now, in seconds since 1970."""
        with self._lock:
            claims = self._known.get(token)
            if claims is None:
                return None
            if claims.expires_at is not None and claims.expires_at <= now:
                del self._known[token]
                return None
            self._known.move_to_end(token)
            return claims

    def add(self, token: str, claims: Claims) -> None:
        """Remember a token whose signature is good."""
        with self._lock:
            self._known[token] = claims
            while len(self._known) > limits.known_tokens_max:
                self._known.popitem(last=False)
