"""Which tasks this client has, and which answers it still owes: each answered once, also after a crash.

Finished answers lie in the folder until their receipt has come: `<task id>.result` (serialised `TaskResult`) and, for
a training, `<task id>.npz`.
"""

from __future__ import annotations

import queue
import threading
import uuid
from pathlib import Path

from fednet import limits
from fednet.wire import tasks_pb2


class Ledger:
    """The tasks of one client. Safe to use from any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._cancelled: set[str] = set()
        self._waiting: queue.Queue[tasks_pb2.Task | None] = queue.Queue(limits.queue_messages_max)

    def offer(self, task: tasks_pb2.Task) -> tasks_pb2.TaskResult | None:
        """A task has come: it is queued, unless it is known. The answer, where it is finished already."""
        with self._lock:
            if finished := self._result(task.task_id):
                return finished
            if task.task_id not in self._known:
                self._known.add(task.task_id)
                self._waiting.put(task)
            return None

    def next(self) -> tasks_pb2.Task | None:
        """Wait for the next task that is still wanted; None after `close`."""
        while (task := self._waiting.get()) is not None:
            with self._lock:
                if task.task_id not in self._cancelled:
                    return task
                self._drop(task.task_id)
        return None

    def cancel(self, task_id: str) -> None:
        """The task is not wanted any more."""
        with self._lock:
            if task_id in self._known:
                self._cancelled.add(task_id)

    def is_cancelled(self, task_id: str) -> bool:
        """Whether the task is not wanted any more."""
        with self._lock:
            return task_id in self._cancelled

    def finish(self, result: tasks_pb2.TaskResult) -> None:
        """Keep an answer until it is receipted."""
        with self._lock:
            scratch = self._folder / f"{uuid.uuid4()}.tmp"
            scratch.write_bytes(result.SerializeToString())
            scratch.replace(self._result_path(result.task_id))
            self._known.discard(result.task_id)

    def settle(self, task_id: str) -> None:
        """The answer has its receipt, or nobody waits for it: forget it."""
        with self._lock:
            self._drop(task_id)

    def owed(self) -> list[tasks_pb2.TaskResult]:
        """The finished answers without a receipt."""
        with self._lock:
            paths = sorted(self._folder.glob("*.result"))
            return [tasks_pb2.TaskResult.FromString(path.read_bytes()) for path in paths]

    def update_path(self, task_id: str) -> Path:
        """Where the update of a task lies, or is to lie."""
        return self._folder / f"{uuid.UUID(task_id)}.npz"

    def close(self) -> None:
        """Wake whoever waits for a task; nothing more comes."""
        self._waiting.put(None)

    def _drop(self, task_id: str) -> None:
        self._known.discard(task_id)
        self._cancelled.discard(task_id)
        self._result_path(task_id).unlink(missing_ok=True)
        self.update_path(task_id).unlink(missing_ok=True)

    def _result(self, task_id: str) -> tasks_pb2.TaskResult | None:
        path = self._result_path(task_id)
        return tasks_pb2.TaskResult.FromString(path.read_bytes()) if path.exists() else None

    def _result_path(self, task_id: str) -> Path:
        return self._folder / f"{uuid.UUID(task_id)}.result"
