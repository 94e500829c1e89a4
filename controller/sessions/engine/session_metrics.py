"""The metrics of rounds, from the documents of a commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...measures import ROUND_PARTS, ControllerMetrics
from ..machine.orders import Projection


def count_rounds(metrics: ControllerMetrics, projections: Sequence[Projection]) -> None:
    """Count the rounds that begin again or end with a commit, and the durations of finished ones."""
    for projection in projections:
        if projection.collection == "rounds":
            _count(metrics, projection.fields)


def _count(metrics: ControllerMetrics, fields: Mapping[str, Any]) -> None:
    status = fields["status"]
    if status == "Pending":
        metrics.round_retries.inc(fields["attempt"] > 0)
        return
    metrics.rounds.labels(status.lower()).inc()
    if status == "Finished":
        metrics.updates.inc(fields["updates"])
        for part in ROUND_PARTS:
            metrics.round_seconds.labels(part).observe(fields["seconds"][part])
