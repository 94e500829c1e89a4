"""The spans of a client's work at a task."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fednet.traces import Span, Traces, place_of

from .tasks import Task


class TaskTraces:
    """The spans of the tasks of one client.

    Args:
        traces: Takes the spans.
        client_id: Returns the client's id.
    """

    def __init__(self, traces: Traces, client_id: Callable[[], str]) -> None:
        self._traces = traces
        self.client_id = client_id

    def told(self, task: Task, began: float, ended: float, failure: str = "") -> None:
        """Tell the span of the whole work at a task; times are in seconds since 1970."""
        self._traces.tell(partial(self._span, task, "", began, ended, failure))

    def part(self, task: Task, name: str, began: float, ended: float) -> None:
        """Tell the span of a part: download, upload, or the work by its kind."""
        self._traces.tell(partial(self._span, task, name, began, ended))

    def close(self) -> None:
        """Send what waits."""
        self._traces.close()

    def _span(
        self, task: Task, part: str, began: float, ended: float, failure: str = ""
    ) -> Span | None:
        if (above := place_of(task.traceparent)) is None:
            return None
        whole = above.child("task", task.id)
        place, parent = (whole.child(part), whole) if part else (whole, above)
        return Span(part or "task", place, parent, began, ended, self._facts(task), failure)

    def _facts(self, task: Task) -> dict[str, str | int | float]:
        return {
            "session": task.session_id,
            "round": task.round_number,
            "task": task.id,
            "client": self.client_id(),
        }
