"""Answers of any length: a caller may read a few of them at the same time."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from flask import Response, g

from fednet import limits
from fednet.contract import Principal
from fednet.errors import Throttled

from .problems import refused


@dataclass(frozen=True)
class Streams:
    """The answers that are being read, counted by caller."""

    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, response: Response) -> Response:
        """Count an answer of any length until it is closed; return a refusal if its caller reads too many."""
        principal: Principal | None = g.get("caller")
        if not response.is_streamed or principal is None:
            return response
        if not self._begin(principal.id):
            response.close()
            return _too_many()
        response.call_on_close(partial(self._end, principal.id))
        return response

    def _begin(self, caller_id: str) -> bool:
        with self._lock:
            if self._counts[caller_id] >= limits.rest_caller_streams_max:
                return False
            self._counts[caller_id] += 1
            return True

    def _end(self, caller_id: str) -> None:
        with self._lock:
            self._counts[caller_id] -= 1
            if not self._counts[caller_id]:
                del self._counts[caller_id]


def _too_many() -> Response:
    return refused(
        Throttled(
            f"You read {limits.rest_caller_streams_max} files or long lists at the same time. "
            "Finish one of them, then try again."
        )
    )
