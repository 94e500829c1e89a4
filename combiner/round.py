"""One phase of a round as a combiner sees it: a pure state machine.

Events go in with the time, instructions come out; no I/O, no clock, no threads. A phase is one kind of task (train,
validate, predict) for a set of clients. Its tasks and the phase itself move like this:

    task    OPEN ──result──> CHECKING ──folded──────────────────> ANSWERED
              │                  └─────refused────────┐
              ├──failure, close, deadline─────────────┴─────────> UNANSWERED

    phase   OPEN ──all tasks ended, close, deadline──> CLOSING ──nothing is CHECKING──> CLOSED

A release ends phase and tasks from wherever they are, and nobody but the clients is told. What arrives twice is
answered twice and counted once. What arrives after the close is refused as late. A client that leaves keeps its task
until the deadline: it is sent again when the client is back.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

_TASK_IDS = uuid.UUID("0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11")


def task_id_of(phase_id: str, client_id: str) -> str:
    """The id of a client's task in a phase: the same whenever it is asked, also after a restart."""
    return str(uuid.uuid5(_TASK_IDS, f"{phase_id}/{client_id}"))


class TaskState(StrEnum):
    """Where one task stands."""

    OPEN = "open"
    CHECKING = "checking"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"


class PhaseState(StrEnum):
    """Where the phase stands."""

    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"


class Why(StrEnum):
    """Why a task ended without an answer that counts; the names of the wire."""

    FAILED = "FAILED"
    REFUSED = "REFUSED"
    LATE = "LATE"
    GONE = "GONE"


# Events: what happened.


@dataclass(frozen=True)
class Joined:
    """A client's stream is open (again)."""

    client: str


@dataclass(frozen=True)
class Left:
    """A client's stream broke."""

    client: str


@dataclass(frozen=True)
class ResultArrived:
    """A client's answer lies safely here, to be checked."""

    task: str


@dataclass(frozen=True)
class Failed:
    """A client says that its code failed, or what it says is no answer."""

    task: str
    message: str
    traceback: str = ""
    why: Why = Why.FAILED


@dataclass(frozen=True)
class Folded:
    """An answer was good, and is in."""

    task: str
    weight: float = 1.0


@dataclass(frozen=True)
class Refused:
    """An answer was not acceptable."""

    task: str
    message: str


@dataclass(frozen=True)
class CloseAsked:
    """The controller wants to go on with what is in."""


@dataclass(frozen=True)
class Released:
    """The controller needs nothing of this phase any more."""


@dataclass(frozen=True)
class TimePassed:
    """Nothing but time."""


Event = (
    Joined | Left | ResultArrived | Failed | Folded | Refused | CloseAsked | Released | TimePassed
)


# Instructions: what the runner is to do.


@dataclass(frozen=True)
class Send:
    """Send the task to the client."""

    client: str
    task: str


@dataclass(frozen=True)
class Cancel:
    """Tell the client that the task need not be finished."""

    client: str
    task: str


@dataclass(frozen=True)
class Check:
    """Check the answer against the global model, and fold it."""

    client: str
    task: str


@dataclass(frozen=True)
class Receipt:
    """Tell the client that it may forget its answer."""

    client: str
    task: str
    accepted: bool
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """Tell the controller that a task ended without an answer that counts."""

    client: str
    task: str
    why: Why
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Finish:
    """Nothing more will be folded: make the partial, and say so."""

    answers: int
    weight: float


Instruction = Send | Cancel | Check | Receipt | Report | Finish


@dataclass
class _Task:
    id: str
    client: str
    state: TaskState = TaskState.OPEN
    reason: str = ""


@dataclass
class Phase:
    """The state of one phase.

    Args:
        phase_id: The controller's id of it.
        clients: The ids of the clients that take part.
        deadline: The time, in the runner's seconds, at which it closes with what is in.
    """

    phase_id: str
    clients: Iterable[str]
    deadline: float
    state: PhaseState = PhaseState.OPEN
    weight: float = 0.0
    _tasks: dict[str, _Task] = field(init=False)
    _counts: Counter[TaskState] = field(init=False)
    _here: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        tasks = (_Task(task_id_of(self.phase_id, client), client) for client in self.clients)
        self._tasks = {task.id: task for task in tasks}
        self._counts = Counter({TaskState.OPEN: len(self._tasks)})

    @property
    def answers(self) -> int:
        """How many answers count so far."""
        return self._counts[TaskState.ANSWERED]

    def task_state(self, task_id: str) -> TaskState | None:
        """Where a task stands; None for a task that is not of this phase."""
        task = self._tasks.get(task_id)
        return task.state if task else None

    def client_of(self, task_id: str) -> str | None:
        """Whose task it is; None for a task that is not of this phase."""
        task = self._tasks.get(task_id)
        return task.client if task else None

    def waits_for(self, task_id: str, now: float) -> bool:
        """Whether an answer to the task, come now, would be the one that counts."""
        return self.task_state(task_id) is TaskState.OPEN and now < self.deadline

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """What to do about an event.

        Args:
            event: What happened.
            now: The time, in the runner's seconds.

        Returns:
            Instructions, to be carried out in their order.
        """
        late = self._close("the deadline had passed") if now >= self.deadline else []
        return [*late, *self._dispatch(event), *self._finish_if_done()]

    def _dispatch(self, event: Event) -> list[Instruction]:  # noqa: PLR0911  one line per event
        match event:
            case Joined(client):
                return self._joined(client)
            case Left(client):
                self._here.discard(client)
                return []
            case ResultArrived(task):
                return self._result_arrived(self._tasks[task])
            case Failed(task):
                return self._failed(self._tasks[task], event)
            case Folded(task, weight):
                return self._folded(self._tasks[task], weight)
            case Refused(task, message):
                return self._refused(self._tasks[task], message)
            case CloseAsked():
                return self._close("enough updates were in")
            case Released():
                return self._released()
            case TimePassed():
                return []

    def _joined(self, client: str) -> list[Instruction]:
        task = self._tasks.get(task_id_of(self.phase_id, client))
        if task is None:
            return []
        self._here.add(client)
        return [Send(client, task.id)] if task.state is TaskState.OPEN else []

    def _result_arrived(self, task: _Task) -> list[Instruction]:
        match task.state:
            case TaskState.OPEN:
                self._move(task, TaskState.CHECKING)
                return [Check(task.client, task.id)]
            case TaskState.CHECKING:
                return []
            case TaskState.ANSWERED:
                return [Receipt(task.client, task.id, accepted=True)]
            case TaskState.UNANSWERED:
                return [Receipt(task.client, task.id, accepted=False, reason=task.reason)]

    def _failed(self, task: _Task, event: Failed) -> list[Instruction]:
        if task.state is TaskState.OPEN:
            return self._end(task, event.why, event.message, event.traceback)
        if task.state is TaskState.CHECKING:
            return []
        answered = task.state is TaskState.ANSWERED
        return [Receipt(task.client, task.id, accepted=answered, reason=task.reason)]

    def _folded(self, task: _Task, weight: float) -> list[Instruction]:
        if task.state is not TaskState.CHECKING:
            return []
        self._move(task, TaskState.ANSWERED)
        self.weight += weight
        return [Receipt(task.client, task.id, accepted=True)]

    def _refused(self, task: _Task, message: str) -> list[Instruction]:
        if task.state is not TaskState.CHECKING:
            return []
        return self._end(task, Why.REFUSED, message)

    def _end(self, task: _Task, why: Why, message: str, traceback: str = "") -> list[Instruction]:
        self._move(task, TaskState.UNANSWERED, message)
        return [
            Report(task.client, task.id, why, message, traceback),
            Receipt(task.client, task.id, accepted=False, reason=message),
        ]

    def _close(self, because: str) -> list[Instruction]:
        """End every task that has no answer yet; those being checked may still count."""
        if self.state is not PhaseState.OPEN:
            return []
        self.state = PhaseState.CLOSING
        reason = f"The phase has closed: {because}."
        instructions: list[Instruction] = []
        for task in self._tasks_in(TaskState.OPEN):
            here = task.client in self._here
            self._move(task, TaskState.UNANSWERED, reason)
            why = Why.LATE if here else Why.GONE
            instructions.append(Report(task.client, task.id, why, reason))
            instructions += [Cancel(task.client, task.id)] if here else []
        return instructions

    def _released(self) -> list[Instruction]:
        """End everything without a word to the controller; what is being checked will not count."""
        self.state = PhaseState.CLOSED
        reason = "The round is over."
        instructions: list[Instruction] = []
        for task in self._tasks_in(TaskState.CHECKING):
            self._move(task, TaskState.UNANSWERED, reason)
            instructions.append(Receipt(task.client, task.id, accepted=False, reason=reason))
        for task in self._tasks_in(TaskState.OPEN):
            self._move(task, TaskState.UNANSWERED, reason)
            instructions += [Cancel(task.client, task.id)] if task.client in self._here else []
        return instructions

    def _finish_if_done(self) -> list[Instruction]:
        waiting = self._counts[TaskState.CHECKING]
        waiting += self._counts[TaskState.OPEN] if self.state is PhaseState.OPEN else 0
        if self.state is PhaseState.CLOSED or waiting:
            return []
        self.state = PhaseState.CLOSED
        return [Finish(self.answers, self.weight)]

    def _tasks_in(self, state: TaskState) -> list[_Task]:
        return [task for task in self._tasks.values() if task.state is state]

    def _move(self, task: _Task, state: TaskState, reason: str = "") -> None:
        self._counts[task.state] -= 1
        self._counts[state] += 1
        task.state, task.reason = state, reason
