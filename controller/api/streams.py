"""Answers of any length: a caller may read a few of them at the same time."""

from __future__ import annotations

from functools import partial

from flask import Response, g

from fednet import limits
from fednet.budgets import CallerSlots
from fednet.contract import Principal
from fednet.errors import Throttled

from .problems import refused


class Streams:
    """The answers that are being read, counted by caller."""

    def __init__(self) -> None:
        self._slots = CallerSlots()

    def count(self, response: Response) -> Response:
        """Count an answer of any length until it is closed; return a refusal if its caller reads too many."""
        principal: Principal | None = g.get("caller")
        if not response.is_streamed or principal is None:
            return response
        if not self._slots.take(principal.id, limits.rest_caller_streams_max):
            response.close()
            return _too_many()
        response.call_on_close(partial(self._slots.give_back, principal.id))
        return response


def _too_many() -> Response:
    return refused(
        Throttled(
            f"You read {limits.rest_caller_streams_max} files or long lists at the same time. "
            "Finish one of them, then try again."
        )
    )
