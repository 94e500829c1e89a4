"""Watches a session: shows a line at each change, which the controller reports without polling."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fednet.cli._rounds import round_results

if TYPE_CHECKING:
    from fednet.api_client import APIClient
    from fednet.cli._output import ShowProgress


def watch_session(api: APIClient, session_id: str, show: ShowProgress) -> dict[str, Any]:
    """Show the session's progress until it ends; return its last document."""
    return api.wait_session(session_id, on_change=_Progress(api, session_id, show))


class _Progress:
    """The progress of a session: round, answers, accuracy so far, time left."""

    def __init__(self, api: APIClient, session_id: str, show: ShowProgress) -> None:
        self._api = api
        self._session_id = session_id
        self._show = show
        self._round = 0
        self._began = time.monotonic()
        self._first = 0
        self._accuracy: float | None = None

    def __call__(self, session: dict[str, Any]) -> None:
        """Show a state of the session."""
        if session["round_number"] != self._round:
            self._next_round(session["round_number"])
        self._show(max(0, self._round - 1), session["rounds_total"], self._text(session))

    def _next_round(self, number: int) -> None:
        if not self._round:
            self._began, self._first = time.monotonic(), number
        self._round = number
        known = [result.accuracy for result in round_results(self._api, self._session_id)]
        self._accuracy = next(
            (accuracy for accuracy in reversed(known) if accuracy is not None), None
        )

    def _text(self, session: dict[str, Any]) -> str:
        if not self._round:
            return str(session["status"]).lower()
        parts = [f"round {self._round}/{session['rounds_total']}", *_clients_in(session)]
        if self._accuracy is not None:
            parts.append(f"accuracy {self._accuracy:.3f}")
        parts.extend(self._time_left(session["rounds_total"]))
        return ", ".join(parts)

    def _time_left(self, total: int) -> list[str]:
        """Return the estimated time left; nothing before the first round has ended."""
        done = self._round - self._first
        if done <= 0:
            return []
        seconds_each = (time.monotonic() - self._began) / done
        return [f"about {seconds_each * (total - self._round + 1):.0f} s left"]


def _clients_in(session: dict[str, Any]) -> list[str]:
    progress = session.get("progress") or {}
    if not progress.get("clients"):
        return []
    return [f"{progress['phase']}: {progress['answers']} of {progress['clients']} clients in"]
