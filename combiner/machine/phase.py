"""One phase of a round as a combiner sees it: a pure state machine.

Events go in with the time, instructions come out; no I/O, no clock, no threads. A phase is one kind of task for a set
of clients. Its tasks and the phase itself move like this:

    task    OPEN ──answer──> CHECKING ──counted─────────────────> ANSWERED
              │                  └─────refused────────┐
              ├──failure, close, deadline─────────────┴─────────> UNANSWERED ──a higher attempt──> OPEN
              └──withdrawal──> WITHDRAWN ──the client comes back──> OPEN

    phase   OPEN ──all tasks ended, close, deadline──> CLOSING ──nothing is CHECKING──> FINISHING ──> CLOSED
              ^───────a higher attempt, further clients───────────────────────────────────────┘

A phase that opens again while it finishes is told only when it closes again: one `Finish` is under way at a time, and
the outcome of one that was overtaken is dropped. A release ends phase and tasks from wherever they are, and only the
clients are told. An answer that arrives twice is receipted twice and counted once. An answer that arrives after the
close is refused as late. A client that leaves keeps its task until the deadline: the task is sent again when the client
is back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from .answers import Answer, Failure, Why
from .events import (
    Answered,
    Cancel,
    Check,
    CloseAsked,
    Counted,
    Damaged,
    Event,
    Finish,
    Finished,
    Instruction,
    Joined,
    Left,
    Receipt,
    Refused,
    Released,
    Send,
    StartedAgain,
    Tell,
    TimePassed,
    Withdrew,
)
from .news import PhaseClosed, TaskUnanswered
from .tasks import PhaseTask, Tasks, TaskState
from .values import Verdict


class PhaseState(StrEnum):
    """State of the phase."""

    OPEN = "open"
    CLOSING = "closing"
    FINISHING = "finishing"
    CLOSED = "closed"
    RELEASED = "released"


@dataclass
class PhaseMachine:
    """The decisions about one phase.

    Args:
        phase_id: The controller's id of it.
        clients: The ids of the clients that take part.
        deadline: The time, in the runner's seconds, at which it closes with the answers that are in.
        attempt: The controller's attempt at the round.
        share: True if the partial is shared when the phase closes.
        withdrawn: The ids of clients that took part and have moved to another combiner.

    Attributes:
        weight: The sum of the weights of the answers that count.
        is_shut: True if the phase was closed before all tasks had ended; only a higher attempt opens it again.
    """

    phase_id: str
    clients: Iterable[str]
    deadline: float
    attempt: int = 0
    share: bool = False
    withdrawn: Iterable[str] = ()
    state: PhaseState = PhaseState.OPEN
    weight: float = 0.0
    is_shut: bool = False
    _tasks: Tasks = field(init=False)
    _here: set[str] = field(default_factory=set)
    _finish_under_way: bool = False
    _last_finish: Finished = field(default_factory=Finished)

    def __post_init__(self) -> None:
        self._tasks = Tasks(self.phase_id, self.clients, self.withdrawn)

    @property
    def answers(self) -> int:
        """The number of answers that count so far."""
        return self._tasks.count(TaskState.ANSWERED)

    @property
    def waits_for_clients(self) -> bool:
        """True while a client may still answer."""
        return self.state is PhaseState.OPEN and self._tasks.count(TaskState.OPEN) > 0

    @property
    def is_finishing(self) -> bool:
        """True while a `Finish` is under way, also an overtaken one."""
        return self._finish_under_way

    def task_state(self, task_id: str) -> TaskState | None:
        """Return the state of a task; None for a task that is not of this phase."""
        task = self._tasks.get(task_id)
        return task.state if task else None

    def client_of(self, task_id: str) -> str | None:
        """Return the client of a task; None for a task that is not of this phase."""
        task = self._tasks.get(task_id)
        return task.client if task else None

    def waits_for(self, task_id: str, now: float) -> bool:
        """Return True if an answer to the task that comes now would be the one that counts."""
        return self.task_state(task_id) is TaskState.OPEN and now < self.deadline

    def without_answer(self, clients: Iterable[str]) -> tuple[str, ...]:
        """Return the clients that may be withdrawn: no answer of theirs is in or being checked."""
        tasks = ((each, self._tasks.of(each)) for each in clients)
        return tuple(each for each, task in tasks if task is None or not task.has_answer)

    def asked_again_by(self, event: StartedAgain) -> tuple[str, ...]:
        """Return the ids of tasks that the event opens again: their earlier answers count for nothing."""
        return tuple(task.id for task in self._asked_again(event))

    def handle(self, event: Event, now: float) -> list[Instruction]:
        """Return the instructions that follow from an event.

        Args:
            event: The event.
            now: The time, in the runner's seconds.

        Returns:
            Instructions, to be carried out in their order.
        """
        late = self._close("the deadline had passed") if self._is_late(event, now) else []
        return [*late, *self._dispatch(event), *self._finish_if_done()]

    def _is_late(self, event: Event, now: float) -> bool:
        reopens = isinstance(event, StartedAgain) and event.attempt > self.attempt
        return now >= self.deadline and not reopens

    def _dispatch(self, event: Event) -> list[Instruction]:  # noqa: C901, PLR0911  one line per event
        match event:
            case Joined(client):
                return self._joined(client)
            case Left(client):
                self._here.discard(client)
            case Answered(answer):
                return self._answered(self._tasks[answer.task_id], answer)
            case Counted(task):
                return self._counted(self._tasks[task], event)
            case Refused(task, message):
                return self._refused(self._tasks[task], message)
            case Damaged(task):
                return self._damaged(self._tasks[task])
            case StartedAgain():
                return self._started_again(event)
            case Withdrew(clients):
                self._withdraw(clients)
            case CloseAsked():
                return self._close("enough updates were in")
            case Finished():
                return self._finished(event)
            case Released():
                return self._released()
            case TimePassed():
                pass
        return []

    # Clients and their answers

    def _joined(self, client: str) -> list[Instruction]:
        task = self._tasks.of(client)
        if task is None:
            return []
        self._here.add(client)
        return [Send(client, task.id)] if task.state is TaskState.OPEN else []

    def _answered(self, task: PhaseTask, answer: Answer) -> list[Instruction]:
        if task.state is not TaskState.OPEN:
            return self._receipt_again(task)
        if isinstance(answer.outcome, Failure):
            return self._end(task, answer.outcome)
        self._tasks.move(task, TaskState.CHECKING)
        return [Check(task.client, answer)]

    def _receipt_again(self, task: PhaseTask) -> list[Instruction]:
        """Repeat the receipt. A task being checked has none yet; an answer that has moved is receipted elsewhere."""
        if task.state in {TaskState.CHECKING, TaskState.WITHDRAWN}:
            return []
        accepted = task.state is TaskState.ANSWERED
        return [Receipt(task.client, Verdict(task.id, accepted, task.reason))]

    def _counted(self, task: PhaseTask, event: Counted) -> list[Instruction]:
        if task.state is not TaskState.CHECKING:
            return []
        self._tasks.move(task, TaskState.ANSWERED)
        self.weight += event.weight
        told = [Tell(event.happening, task.client, task.id)] if event.happening else []
        return [*told, Receipt(task.client, Verdict(task.id, accepted=True))]

    def _refused(self, task: PhaseTask, message: str) -> list[Instruction]:
        if task.state is not TaskState.CHECKING:
            return []
        return self._end(task, Failure(message, why=Why.REFUSED))

    def _damaged(self, task: PhaseTask) -> list[Instruction]:
        if task.state is not TaskState.CHECKING:
            return []
        self._tasks.move(task, TaskState.OPEN)
        reason = "The answer was damaged on the combiner's disk."
        if self.state is not PhaseState.OPEN:
            return self._give_up(task, reason)
        told: list[Instruction] = [
            Tell(TaskUnanswered(Why.DAMAGED, reason), task.client, task.id)
        ]  # the client may be at another combiner by now
        return [*told, Send(task.client, task.id)] if task.client in self._here else told

    def _end(self, task: PhaseTask, failure: Failure) -> list[Instruction]:
        self._tasks.move(task, TaskState.UNANSWERED, failure.why, failure.message)
        unanswered = TaskUnanswered(failure.why, failure.message, failure.traceback)
        return [
            Tell(unanswered, task.client, task.id),
            Receipt(task.client, Verdict(task.id, accepted=False, reason=failure.message)),
        ]

    # Orders

    def _started_again(self, event: StartedAgain) -> list[Instruction]:
        if event.attempt < self.attempt or self.state is PhaseState.RELEASED:
            return []
        again, is_next = self._asked_again(event), event.attempt > self.attempt
        shares = event.share and not self.share
        listed = dict.fromkeys(event.clients)
        fresh = [each for each in listed if self._tasks.of(each) is None]
        self.share |= event.share
        if is_next:
            self.attempt, self.deadline, self.is_shut = event.attempt, event.deadline, False
        tasks = [*again, *(self._tasks.add(client) for client in fresh)]
        if not (is_next or tasks or shares):
            return self._told_again()
        if self.is_shut:
            return self._close_again(tasks)
        if is_next or tasks:
            self.state = PhaseState.OPEN
        elif self.state is not PhaseState.OPEN:
            self.state = PhaseState.CLOSING  # and it finishes again, with the partial shared
        for task in again:
            self._tasks.move(task, TaskState.OPEN)
        return [Send(task.client, task.id) for task in tasks if task.client in self._here]

    def _close_again(self, tasks: list[PhaseTask]) -> list[Instruction]:
        """End tasks that come after the close at once, and tell the close again."""
        self.state = PhaseState.CLOSING
        reason = "The phase has closed."
        return [each for task in tasks for each in self._give_up(task, reason)]

    def _asked_again(self, event: StartedAgain) -> list[PhaseTask]:
        """Return the listed tasks that open again: withdrawn ones, and with a higher attempt unanswered ones."""
        states = {TaskState.WITHDRAWN}
        if event.attempt > self.attempt:
            states.add(TaskState.UNANSWERED)
        listed = (self._tasks.of(client) for client in dict.fromkeys(event.clients))
        return [task for task in listed if task and task.state in states]

    def _withdraw(self, clients: Collection[str]) -> None:
        for client in self.without_answer(clients):
            if task := self._tasks.of(client):
                self._tasks.move(task, TaskState.WITHDRAWN)

    def _close(self, because: str) -> list[Instruction]:
        """End every task that has no answer yet; those being checked may still count."""
        if self.state is not PhaseState.OPEN:
            return []
        self.state, self.is_shut = PhaseState.CLOSING, True
        reason = f"The phase has closed: {because}."
        return [
            each
            for task in self._tasks.in_state(TaskState.OPEN)
            for each in self._give_up(task, reason)
        ]

    def _give_up(self, task: PhaseTask, reason: str) -> list[Instruction]:
        here = task.client in self._here
        why = Why.LATE if here else Why.GONE
        self._tasks.move(task, TaskState.UNANSWERED, why, reason)
        told: list[Instruction] = [Tell(TaskUnanswered(why, reason), task.client, task.id)]
        return [*told, Cancel(task.client, task.id)] if here else told

    def _released(self) -> list[Instruction]:
        """End everything without a word to the controller; answers being checked will not count."""
        self.state = PhaseState.RELEASED
        reason = "The round is over."
        instructions: list[Instruction] = []
        for task in self._tasks.in_state(TaskState.CHECKING):
            self._tasks.move(task, TaskState.UNANSWERED, Why.LATE, reason)
            verdict = Verdict(task.id, accepted=False, reason=reason)
            instructions.append(Receipt(task.client, verdict))
        for task in self._tasks.in_state(TaskState.OPEN):
            self._tasks.move(task, TaskState.UNANSWERED, Why.LATE, reason)
            instructions += [Cancel(task.client, task.id)] if task.client in self._here else []
        return instructions

    # The end

    def _finish_if_done(self) -> list[Instruction]:
        if self.state not in {PhaseState.OPEN, PhaseState.CLOSING} or self._finish_under_way:
            return []
        waiting = self._tasks.count(TaskState.CHECKING)
        waiting += self._tasks.count(TaskState.OPEN) if self.state is PhaseState.OPEN else 0
        if waiting:
            return []
        self.state, self._finish_under_way = PhaseState.FINISHING, True
        return [Finish(share=self.share and self.answers > 0)]

    def _finished(self, finished: Finished) -> list[Instruction]:
        self._finish_under_way = False
        if self.state is not PhaseState.FINISHING:
            return []
        self.state, self._last_finish = PhaseState.CLOSED, finished
        return self._told_again()

    def _told_again(self) -> list[Instruction]:
        """Tell the totals, if the phase is closed: the sender of a repeated order may not have heard them."""
        if self.state is not PhaseState.CLOSED:
            return []
        failure, partial = self._last_finish.failure, self._last_finish.partial
        return [Tell(PhaseClosed(self.answers, self.weight, failure, self.attempt, partial))]
