"""The metrics of phases and their tasks."""

from __future__ import annotations

from ..machine.news import Happening, PhaseClosed, TaskSent, TaskUnanswered
from ..machine.values import TaskKind
from ..measures import CombinerMetrics, label_of


def count_happening(
    metrics: CombinerMetrics, kind: TaskKind, happening: Happening, seconds: float
) -> None:
    """Count what has happened in a phase.

    Args:
        metrics: The combiner's metrics.
        kind: The kind of the phase's tasks.
        happening: The news.
        seconds: The time since the phase's newest order.
    """
    label = label_of(kind)
    match happening:
        case PhaseClosed():
            metrics.phase_seconds.labels(label).observe(seconds)
        case TaskSent():
            metrics.tasks.labels(label, "sent").inc()
        case TaskUnanswered(why):
            metrics.tasks.labels(label, why.lower()).inc()
        case _:
            metrics.tasks.labels(label, "answered").inc()
