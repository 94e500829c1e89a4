"""Watches a session: shows a line at each change, which the controller reports without polling."""

from __future__ import annotations

import time
from collections import deque
from statistics import fmean
from typing import TYPE_CHECKING, Any

from fednet.cli._rounds import round_results

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fednet.api_client import APIClient
    from fednet.cli._output import ShowProgress

_ROUNDS_MEASURED_MAX = 10
_SECONDS_SHOWN_MIN = 0.5
_AFTER_THE_ROUNDS = {"draining", "ended"}


def watch_session(
    api: APIClient, session_id: str, show: ShowProgress, metrics: Sequence[str] = ()
) -> dict[str, Any]:
    """Show the session's progress until it ends; return its last document.

    Args:
        api: The network.
        session_id: The session's id.
        show: Shows a state.
        metrics: The metrics to show; by default the accuracy, or the first that clients report.
    """
    return api.wait_session(session_id, on_change=_Progress(api, session_id, show, metrics))


class _Progress:
    """The progress of a session: round, answers, metrics and spent privacy so far, time left."""

    def __init__(
        self, api: APIClient, session_id: str, show: ShowProgress, metrics: Sequence[str]
    ) -> None:
        self._api = api
        self._session_id = session_id
        self._show = show
        self._metrics = metrics
        self._round = 0
        self._time_left = TimeLeft()
        self._measured: Mapping[str, float] = {}
        self._epsilon: float | None = None

    def __call__(self, session: dict[str, Any]) -> None:
        """Show a state of the session."""
        self._time_left.note(session, time.monotonic())
        if session["round_number"] != self._round:
            self._next_round(session["round_number"])
        self._show(max(0, self._round - 1), session["rounds_total"], self._text(session))

    def _next_round(self, number: int) -> None:
        self._round = number
        results = round_results(self._api, self._session_id)
        known = [result.metrics for result in results]
        self._measured = next((each for each in reversed(known) if each), {})
        self._epsilon = next(
            (each.epsilon for each in reversed(results) if each.epsilon is not None), None
        )

    def _text(self, session: dict[str, Any]) -> str:
        if not self._round:
            return ", ".join([str(session["status"]).lower(), *_waiting_in(session)])
        parts = [f"round {self._round}/{session['rounds_total']}", *_clients_in(session)]
        parts += _waiting_in(session)
        parts += [f"{name} {self._measured[name]:.3f}" for name in self._shown_metrics()]
        parts += [] if self._epsilon is None else [f"ε {self._epsilon:.3f}"]
        seconds = self._time_left.seconds(session, time.monotonic())
        return ", ".join([*parts, *([f"about {seconds:.0f} s left"] if seconds else [])])

    def _shown_metrics(self) -> list[str]:
        known = list(self._measured)
        chosen = self._metrics or (["accuracy"] if "accuracy" in known else known[:1])
        return [name for name in chosen if name in known]


class TimeLeft:
    """An estimate of the time that a session still takes, from the rounds that were seen whole.

    It counts down during a round, and there is none while nobody can know: before the first whole round, in a round
    that takes longer than the others did, while the session is paused, and after its last round.
    """

    def __init__(self) -> None:
        self._round: int | None = None
        self._began: float | None = None  # unknown for a round that was not seen whole
        self._durations: deque[float] = deque(maxlen=_ROUNDS_MEASURED_MAX)

    def note(self, session: Mapping[str, Any], now: float) -> None:
        """Note a state of the session at a time, in seconds."""
        before, self._round = self._round, session["round_number"]
        if session["status"] == "PAUSED":
            self._began = None
        elif before is not None and self._round != before:
            if self._began is not None and self._round == before + 1:
                self._durations.append(now - self._began)
            self._began = now

    def seconds(self, session: Mapping[str, Any], now: float) -> float | None:
        """Return the seconds that are left, at least half a second; None if they are unknown."""
        phase = (session.get("progress") or {}).get("phase")
        if session["status"] != "STARTED" or phase in _AFTER_THE_ROUNDS:
            return None
        if self._began is None or not self._durations:
            return None
        each, elapsed = fmean(self._durations), now - self._began
        left = each * (session["rounds_total"] - session["round_number"] + 1) - elapsed
        return left if elapsed <= each and left >= _SECONDS_SHOWN_MIN else None


def _clients_in(session: dict[str, Any]) -> list[str]:
    progress = session.get("progress") or {}
    if not progress.get("clients"):
        return []
    return [f"{progress['phase']}: {progress['answers']} of {progress['clients']} clients in"]


def _waiting_in(session: dict[str, Any]) -> list[str]:
    awaited = (session.get("progress") or {}).get("awaiting_approval") or {}
    return [f"waiting for the approval of {digest}: {count}" for digest, count in awaited.items()]
