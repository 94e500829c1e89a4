"""The spans of a phase: its own, and that of each fold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fednet.traces import Span, SpanPlace, Traces, place_of

from ..machine.assignment import Assignment, PhaseRecord
from ..machine.news import PhaseClosed


@dataclass(frozen=True)
class PhaseTraces:
    """The spans of the phases of one combiner.

    Args:
        combiner: The combiner's name.
        traces: Takes the spans.
    """

    combiner: str
    traces: Traces

    def traceparent(self, assignment: Assignment) -> str:
        """Return the place of the phase's span, for its tasks; "" if the round has none."""
        place = self._place(assignment)
        return place.traceparent if place else ""

    def closed(self, record: PhaseRecord, happening: PhaseClosed, now: float) -> None:
        """Tell the span of a phase that closes."""
        self.traces.tell(partial(self._phase_span, record, happening, now))

    def folded(
        self, assignment: Assignment, client: str, task: str, began: float, now: float
    ) -> None:
        """Tell the span of a fold."""
        self.traces.tell(partial(self._fold_span, assignment, client, task, began, now))

    def _place(self, assignment: Assignment) -> SpanPlace | None:
        above = place_of(assignment.traceparent)
        names = ("phase", assignment.phase_id, self.combiner, str(assignment.attempt))
        return above.child(*names) if above else None

    def _phase_span(self, record: PhaseRecord, happening: PhaseClosed, now: float) -> Span | None:
        assignment = record.assignment
        if (place := self._place(assignment)) is None:
            return None
        return Span(
            "phase",
            place,
            place_of(assignment.traceparent),
            record.opened_at,
            now,
            {
                **_facts(assignment),
                "kind": str(assignment.kind),
                "attempt": assignment.attempt,
                "clients": len(assignment.clients),
                "answers": happening.answers,
            },
            happening.failure,
        )

    def _fold_span(
        self, assignment: Assignment, client: str, task: str, began: float, now: float
    ) -> Span | None:
        if (above := self._place(assignment)) is None:
            return None
        facts = {**_facts(assignment), "client": client, "task": task}
        return Span("fold", above.child("fold", task), above, began, now, facts)


def _facts(assignment: Assignment) -> dict[str, str | int | float]:
    return {"session": assignment.session_id, "round": assignment.round_number}
