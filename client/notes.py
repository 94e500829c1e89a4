"""A note for each task in work, so that the client gives up a task at which its process dies repeatedly.

    <folder>/<task id>   the number of unfinished attempts at the task, as text

The number rises before the work begins, and falls when the work ends or a clean stop breaks it off. So it is the number
of processes that died at the task.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from fednet import limits
from fednet.errors import TaskFailed
from fednet.names import check_id

_log = logging.getLogger(__name__)
_NOTE_CHARACTERS_MAX = 10


class TaskNotes:
    """The notes of one client.

    Args:
        folder: The folder of the notes.
        is_stopping: Returns True if the process ends cleanly, so that a failed task is only broken off.
    """

    def __init__(self, folder: Path, is_stopping: Callable[[], bool]) -> None:
        self._folder = folder
        self._is_stopping = is_stopping
        folder.mkdir(parents=True, exist_ok=True)
        by_age = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in by_age[: -limits.task_notes_max]:
            path.unlink()

    @contextlib.contextmanager
    def working_at(self, task_id: str) -> Iterator[None]:
        """Note that a task is in work while the block lasts.

        Raises:
            TaskFailed: The client's process has died at the task too many times. The note stays, so the
                task fails again when it is offered again.
        """
        deaths = self._deaths(task_id)
        if deaths >= limits.task_deaths_max:
            raise TaskFailed(
                f"The client's process has died {deaths} times at this task, so the client gives it up. "
                "Look for the cause in the log of the client or of its system: is there enough memory?"
            )
        self._write(task_id, deaths + 1)
        is_ended = False
        try:
            yield
            is_ended = True
        except Exception:
            is_ended = not self._is_stopping()
            raise
        finally:
            self._write(task_id, 0 if is_ended else deaths)

    def _deaths(self, task_id: str) -> int:
        """Read a note; 0 if there is no readable one."""
        try:
            with (self._folder / check_id(task_id, "task_id")).open() as note:
                return int(note.read(_NOTE_CHARACTERS_MAX))
        except (OSError, ValueError):
            return 0

    def _write(self, task_id: str, deaths: int) -> None:
        path = self._folder / check_id(task_id, "task_id")
        try:
            if deaths:
                path.write_text(str(deaths))
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning(
                "cannot write the note of task %s in %s: %s",
                task_id,
                self._folder,
                error.strerror,
            )
