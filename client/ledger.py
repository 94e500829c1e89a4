"""Which tasks this client has, and which answers it still owes: each answered once, also after a crash.

    offered ──next──> in hand ──keep──> kept ──delivered──> delivered ──receipt──> forgotten

A kept answer lies in the folder until it is forgotten: `<task id>.result` (serialised `TaskResult`) and, for a
training, `<task id>.update`. One that an earlier process kept is taken in hand again, to be delivered. Whatever else
lies there at the start is work that was broken off, and is cleared away.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections import deque
from pathlib import Path

from google.protobuf.message import DecodeError

from fednet import limits
from fednet.errors import InvalidInput, LimitExceeded
from fednet.wire import tasks_pb2


class Ledger:
    """The tasks of one client. One thread takes tasks in hand; everything else may come from any thread.

    Args:
        folder: Where answers are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._changed = threading.Condition()
        self._waiting: deque[tasks_pb2.Task] = deque()
        self._in_hand: str | None = None
        self._is_unwanted = False
        self._delivered: set[str] = set()
        self._is_closed = False
        self._take_up()

    def offer(self, task: tasks_pb2.Task) -> tasks_pb2.TaskResult | None:
        """A task has come: it is queued, unless it is known. The answer, where that was delivered already.

        Raises:
            LimitExceeded: Too many tasks wait.
            InvalidInput: The task's id is none.
        """
        with self._changed:
            task_id = _checked(task.task_id)
            if task_id in self._delivered:
                return self._read(task_id)
            if not self._is_closed and not self._is_known(task_id):
                self._queue(task)
            return None

    def next(self) -> tasks_pb2.Task | None:
        """Put away the task in hand and wait for the next; None after `close`."""
        with self._changed:
            self._put_away()
            self._changed.wait_for(lambda: self._is_closed or self._waiting)
            if self._is_closed:
                return None
            task = self._waiting.popleft()
            self._in_hand, self._is_unwanted = task.task_id, False
            return task

    def is_wanted(self) -> bool:
        """Whether anybody still waits for the task in hand."""
        with self._changed:
            return not (self._is_unwanted or self._is_closed)

    def kept(self, task_id: str) -> tasks_pb2.TaskResult | None:
        """The answer to a task that was kept earlier."""
        with self._changed:
            return self._read(task_id)

    def keep(self, result: tasks_pb2.TaskResult) -> None:
        """Keep the answer to the task in hand until it is forgotten.

        Raises:
            OSError: It cannot be written.
        """
        path = self._result_path(result.task_id)
        scratch = path.with_suffix(".tmp")
        scratch.write_bytes(result.SerializeToString())
        if result.HasField("update"):
            # What a power cut takes is done again; only a training is worth the milliseconds.
            for written in (self.update_path(result.task_id), scratch):
                _force(written)
        scratch.replace(path)

    def delivered(self, task_id: str) -> None:
        """The answer can be sent on any stream now: its update, if it has one, is at the combiner."""
        with self._changed:
            if self._result_path(task_id).exists():
                self._delivered.add(task_id)

    def owed(self) -> list[tasks_pb2.TaskResult]:
        """The delivered answers without a receipt."""
        with self._changed:
            found = (self._read(task_id) for task_id in sorted(self._delivered))
            return [result for result in found if result]

    def forget(self, task_id: str) -> None:
        """The answer has its receipt, or nobody waits for it; what is in hand is put away by `next`."""
        with self._changed:
            if _checked(task_id) == self._in_hand:
                self._is_unwanted = True
            else:
                self._drop(task_id)

    def update_path(self, task_id: str) -> Path:
        """Where the update of a task lies, or is to lie."""
        return self._folder / f"{_checked(task_id)}.update"

    def close(self) -> None:
        """Nothing more is taken in hand; what waits is offered again to the next process."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    # With the lock held

    def _take_up(self) -> None:
        """Queue what an earlier process kept, and clear away what it was working at."""
        for path in sorted(self._folder.glob("*.result")):
            if _is_id(path.stem) and self._read(path.stem):
                self._waiting.append(tasks_pb2.Task(task_id=path.stem))
            else:
                path.unlink()
        kept = {task.task_id for task in self._waiting}
        for path in self._folder.iterdir():
            if path.stem not in kept or path.suffix not in {".result", ".update"}:
                path.unlink()

    def _is_known(self, task_id: str) -> bool:
        return task_id == self._in_hand or any(task.task_id == task_id for task in self._waiting)

    def _queue(self, task: tasks_pb2.Task) -> None:
        if len(self._waiting) >= limits.queue_messages_max:
            raise LimitExceeded(
                f"The client has {limits.queue_messages_max} tasks that wait already.",
                field="task_id",
            )
        self._waiting.append(task)
        self._changed.notify_all()

    def _put_away(self) -> None:
        task_id, self._in_hand = self._in_hand, None
        if task_id and (self._is_unwanted or not self._result_path(task_id).exists()):
            self._drop(task_id)

    def _drop(self, task_id: str) -> None:
        self._waiting = deque(task for task in self._waiting if task.task_id != task_id)
        self._delivered.discard(task_id)
        # The answer first: an update without one is cleared away, an answer needs its update.
        self._result_path(task_id).unlink(missing_ok=True)
        self.update_path(task_id).unlink(missing_ok=True)

    def _read(self, task_id: str) -> tasks_pb2.TaskResult | None:
        """A kept answer; None where there is none that is whole."""
        try:
            result = tasks_pb2.TaskResult.FromString(self._result_path(task_id).read_bytes())
        except (FileNotFoundError, DecodeError):
            return None
        has_update = not result.HasField("update") or self.update_path(task_id).exists()
        return result if result.task_id == task_id and has_update else None

    def _result_path(self, task_id: str) -> Path:
        return self._folder / f"{_checked(task_id)}.result"


def _force(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _checked(task_id: str) -> str:
    """A task's id, which is going to be a file's name."""
    if not _is_id(task_id):
        raise InvalidInput(f"{task_id!r} is no id of a task.", field="task_id")
    return task_id
