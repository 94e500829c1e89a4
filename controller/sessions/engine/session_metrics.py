"""The metrics of rounds, from the documents of a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...measures import ROUND_PARTS, ControllerMetrics
from ..machine.orders import Projection


class RoundCounts:
    """Counts the rounds of one session that begin again or end with a commit, and the durations of finished ones.

    Args:
        metrics: The controller's metrics.
    """

    def __init__(self, metrics: ControllerMetrics) -> None:
        self._metrics = metrics
        # A planned attempt is written twice as it begins.
        self._begun: tuple[int, int] | None = None

    def add(self, projections: Sequence[Projection]) -> None:
        """Count what a commit tells."""
        for projection in projections:
            if projection.collection != "rounds":
                continue
            if projection.fields["status"] == "Pending":
                self._add_begun(projection.fields)
            else:
                self._add_ended(projection.fields)

    def _add_begun(self, fields: Mapping[str, Any]) -> None:
        begun = (fields["number"], fields["attempt"])
        if begun != self._begun:
            self._begun = begun
            self._metrics.round_retries.inc(fields["attempt"] > 0)

    def _add_ended(self, fields: Mapping[str, Any]) -> None:
        self._metrics.rounds.labels(fields["status"].lower()).inc()
        if fields["status"] == "Finished":
            self._metrics.updates.inc(fields["updates"])
            for part in ROUND_PARTS:
                self._metrics.round_seconds.labels(part).observe(fields["seconds"][part])
