"""The finished answers of one client: the order and the times of their deliveries, and their ends.

    put ──due──> delivering ──sent──> waits for its receipt ──receipt──> forgotten
     ▲               └──postponed──> due again after a growing pause
     └── a new stream, or its task is offered again: due at once, from any state

An answer goes to the combiner that offered its task last. After a move to another combiner it waits until that one
offers the task, because a combiner refuses an answer before its task.

An answer retires when nobody waits for it for now: its task is cancelled, its deadline passes, or its combiner returns
and no longer knows the task. A retired answer is delivered only if its task is offered again: so a later attempt of
a round gets it without a second training. The table holds a limited number of retired answers for a limited time.

The table does no I/O; the time, in seconds of any monotonic clock, is an argument.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from fednet import limits
from fednet.backoff import backoff_seconds
from fednet.digests import Digest

from .tasks import Answer, Failure, Task


@dataclass(frozen=True)
class Delivery:
    """An answer to deliver now.

    Attributes:
        answer: The answer.
        update: Its update's file, if it has one.
        failures: The number of deliveries that have failed in a row.
        is_again: True if an earlier delivery may have brought the update to the combiner, or a part of it.
        is_checked: True if this process wrote the update's file, or has checked its digest.
        version: The number of this state of the answer; a later state makes the delivery void.
        stream: The number of the stream for the answer.
    """

    answer: Answer
    update: Digest | None
    failures: int
    is_again: bool
    is_checked: bool
    version: int
    stream: int


@dataclass
class _Entry:
    answer: Answer
    update: Digest | None
    deadline: float | None
    combiner: str
    is_checked: bool
    task: Task | None = None  # as it was offered to this process
    is_sent: bool = False
    is_taken: bool = False  # by its combiner, on this or an earlier stream
    is_again: bool = False
    retired_at: float | None = None
    failures: int = 0
    due_at: float = 0.0
    version: int = 0

    @property
    def end(self) -> float | None:
        """The time at which it retires, or is forgotten if it is retired."""
        if self.retired_at is None:
            return self.deadline
        return self.retired_at + limits.retired_answer_seconds_max


class Kept:
    """The table of finished answers."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}  # the oldest first
        self._versions = itertools.count(1)
        self._combiner = ""
        self._stream = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._entries

    def put(
        self,
        answer: Answer,
        update: Digest | None,
        *,
        deadline: float | None,
        combiner: str,
        task: Task | None = None,
    ) -> None:
        """Add an answer, or replace an earlier one.

        Args:
            answer: The answer.
            update: Its update's file, if it has one.
            deadline: The time at which it retires, if it is known.
            combiner: The name of the combiner that offered its task last.
            task: The task; None for an answer that an earlier process kept.
        """
        is_ours = task is not None
        entry = _Entry(
            answer, update, deadline, combiner, is_checked=is_ours, task=task, is_again=not is_ours
        )
        self._entries.pop(answer.task_id, None)
        self._entries[answer.task_id] = entry
        self._touch(entry)

    def offered(self, task: Task, deadline: float | None) -> bool:
        """Make the answer to an offered task due; return False if there is no answer."""
        entry = self._entries.get(task.id)
        if entry is None:
            return False
        entry.task, entry.deadline, entry.retired_at = task, deadline, None
        entry.is_taken = entry.is_taken and entry.combiner == self._combiner
        entry.combiner = self._combiner
        self._make_due(entry)
        return True

    def connected(self, combiner: str, stream: int) -> None:
        """Make each answer without a receipt due: the stream on which it was sent has ended."""
        self._combiner, self._stream = combiner, stream
        for entry in self._entries.values():
            self._make_due(entry)

    def due(self, now: float) -> Delivery | None:
        """Return the answer that has been due for longest, if one is due."""
        waiting = [entry for entry in self._waiting() if entry.due_at <= now]
        if not waiting:
            return None
        entry = min(waiting, key=lambda each: each.due_at)
        delivery = Delivery(
            entry.answer,
            entry.update,
            entry.failures,
            entry.is_again,
            entry.is_checked,
            entry.version,
            self._stream,
        )
        entry.is_again = True
        return delivery

    def sending(self, delivery: Delivery, answer: Answer, *, is_whole: bool) -> bool:
        """Note that an answer is about to be sent; it is not due until the next stream or offer.

        Args:
            delivery: The delivery.
            answer: The answer as it is sent.
            is_whole: False if its update stays here, because the combiner does not wait for it.

        Returns:
            False if the delivery is void: the answer must not be sent.
        """
        entry = self._current(delivery)
        if entry is None:
            return False
        entry.answer, entry.is_sent, entry.failures = answer, True, 0
        entry.is_taken = entry.is_taken or is_whole
        return True

    def postponed(self, delivery: Delivery, now: float) -> None:
        """Make an answer due again after a pause that grows with each failure."""
        if entry := self._current(delivery):
            entry.failures += 1
            entry.due_at = now + backoff_seconds(entry.failures)

    def checked(self, delivery: Delivery) -> None:
        """Note that the update's file matches its digest."""
        if entry := self._current(delivery):
            entry.is_checked = True

    def is_current(self, delivery: Delivery) -> bool:
        """Return True if the answer is unchanged since the delivery began."""
        return self._current(delivery) is not None

    def task_of(self, task_id: str) -> Task | None:
        """Return the task of an answer, as it was offered to this process."""
        return self._entries[task_id].task

    def combiner_of(self, task_id: str) -> str:
        """Return the name of the combiner that offered an answer's task last."""
        return self._entries[task_id].combiner

    def deadline_of(self, task_id: str) -> float | None:
        """Return the deadline of an answer, if it is known."""
        return self._entries[task_id].deadline

    def replace(self, delivery: Delivery, answer: Answer) -> bool:
        """Replace an answer by one without an update; return False if the delivery is void."""
        entry = self._current(delivery)
        if entry is None:
            return False
        entry.answer, entry.update = answer, None
        self._make_due(entry)
        return True

    def refused(self, task_id: str, now: float, *, is_offered: bool) -> list[str]:
        """Forget an answer that its combiner refuses; retire an answer whose task the combiner seems not to know.

        Args:
            task_id: The task.
            now: The current time.
            is_offered: True if the combiner has offered the task on the current stream.

        Returns:
            The tasks whose answers are forgotten.
        """
        entry = self._entries.get(task_id)
        if entry and (is_offered or entry.is_taken):
            return self.forget(task_id)
        return self.retire(task_id, now)

    def retire(self, task_id: str, now: float) -> list[str]:
        """Stop delivering an answer for now; return the tasks whose answers are forgotten to make room.

        A failure is forgotten at once, so that its task is tried again.
        """
        entry = self._entries.get(task_id)
        if entry is None:
            return []
        if isinstance(entry.answer.outcome, Failure):
            return self.forget(task_id)
        if entry.retired_at is None:
            entry.retired_at = now
            self._touch(entry)
        retired = [id_ for id_, each in self._entries.items() if each.retired_at is not None]
        retired.sort(key=lambda id_: self._entries[id_].retired_at or 0.0)
        return [gone for id_ in retired[: -limits.retired_answers_max] for gone in self.forget(id_)]

    def forget(self, task_id: str) -> list[str]:
        """Remove an answer; return its task, if there was one."""
        return [task_id] if self._entries.pop(task_id, None) else []

    def expire(self, now: float) -> list[str]:
        """Retire answers whose deadline has passed; return the tasks whose answers are forgotten."""
        ended = [
            id_ for id_, each in self._entries.items() if each.end is not None and each.end <= now
        ]
        gone: list[str] = []
        for task_id in ended:
            is_retired = self._entries[task_id].retired_at is not None
            gone += self.forget(task_id) if is_retired else self.retire(task_id, now)
        return gone

    def overflow(self) -> list[str]:
        """Remove the oldest answers beyond the limits, retired ones first; return their tasks."""
        gone: list[str] = []
        while len(self._entries) > 1 and self._is_too_much():
            *older, _ = self._entries
            oldest = next(
                (id_ for id_ in older if self._entries[id_].retired_at is not None), older[0]
            )
            gone += self.forget(oldest)
        return gone

    @property
    def is_owed(self) -> bool:
        """True while an answer is neither receipted nor retired."""
        return any(entry.retired_at is None for entry in self._entries.values())

    def next_due(self) -> float | None:
        """Return the time at which the next answer is due."""
        return min((entry.due_at for entry in self._waiting()), default=None)

    def next_end(self) -> float | None:
        """Return the time at which the next answer retires or is forgotten."""
        ends = (entry.end for entry in self._entries.values())
        return min((end for end in ends if end is not None), default=None)

    def _is_too_much(self) -> bool:
        *older, _ = self._entries.values()
        held_bytes = sum(entry.update.size_bytes for entry in older if entry.update)
        return (
            len(self._entries) > limits.kept_answers_max
            or held_bytes > limits.kept_answers_bytes_max
        )

    def _waiting(self) -> list[_Entry]:
        return [
            entry
            for entry in self._entries.values()
            if entry.retired_at is None and not entry.is_sent and entry.combiner == self._combiner
        ]

    def _current(self, delivery: Delivery) -> _Entry | None:
        entry = self._entries.get(delivery.answer.task_id)
        return entry if entry and entry.version == delivery.version else None

    def _make_due(self, entry: _Entry) -> None:
        entry.is_sent, entry.failures, entry.due_at = False, 0, 0.0
        self._touch(entry)

    def _touch(self, entry: _Entry) -> None:
        entry.version = next(self._versions)
