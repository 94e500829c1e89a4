"""The tasks of a phase, and their states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from fednet.task_ids import task_id_of

from .answers import Why


class TaskState(StrEnum):
    """State of one task."""

    OPEN = "open"
    CHECKING = "checking"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    WITHDRAWN = "withdrawn"


@dataclass
class PhaseTask:
    """The task of one client.

    Attributes:
        why: The reason why it has ended without an answer that counts.
        reason: The same in words, for the client.
    """

    id: str
    client: str
    state: TaskState
    why: Why | None = None
    reason: str = ""

    @property
    def has_answer(self) -> bool:
        """True if an answer is in, is being checked, or was given and does not count."""
        if self.state is TaskState.UNANSWERED:
            return self.why not in {Why.LATE, Why.GONE}
        return self.state in {TaskState.CHECKING, TaskState.ANSWERED}


class Tasks:
    """The tasks of a phase: one for each client, counted by state.

    Args:
        phase_id: The phase.
        clients: The ids of the clients that take part.
        withdrawn: The ids of clients that took part and have moved to another combiner.
    """

    def __init__(
        self, phase_id: str, clients: Iterable[str], withdrawn: Iterable[str] = ()
    ) -> None:
        self._phase_id = phase_id
        self._by_id: dict[str, PhaseTask] = {}
        self._counts: Counter[TaskState] = Counter()
        for client in clients:
            self.add(client)
        for client in withdrawn:
            self.add(client, TaskState.WITHDRAWN)

    def __getitem__(self, task_id: str) -> PhaseTask:
        return self._by_id[task_id]

    def get(self, task_id: str) -> PhaseTask | None:
        """Return a task; None if it is not of this phase."""
        return self._by_id.get(task_id)

    def of(self, client: str) -> PhaseTask | None:
        """Return the task of a client; None if the client does not take part."""
        return self._by_id.get(task_id_of(self._phase_id, client))

    def count(self, state: TaskState) -> int:
        """Return the number of tasks in a state."""
        return self._counts[state]

    def in_state(self, state: TaskState) -> list[PhaseTask]:
        """Return the tasks in a state."""
        return [task for task in self._by_id.values() if task.state is state]

    def add(self, client: str, state: TaskState = TaskState.OPEN) -> PhaseTask:
        """Add the task of a client."""
        task = PhaseTask(task_id_of(self._phase_id, client), client, state)
        self._by_id[task.id] = task
        self._counts[state] += 1
        return task

    def move(
        self, task: PhaseTask, state: TaskState, why: Why | None = None, reason: str = ""
    ) -> None:
        """Change the state of a task."""
        self._counts[task.state] -= 1
        self._counts[state] += 1
        task.state, task.why, task.reason = state, why, reason
