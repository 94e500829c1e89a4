"""The combiner's disk: errors of its files as ours, and an outage named once, with its end."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from fednet.errors import Unavailable

_log = logging.getLogger(__name__)


class Disk:
    """A folder whose files the system may refuse to write. From any thread.

    Args:
        folder: The folder that is named in the log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._problem = ""

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write files inside the block.

        Raises:
            Unavailable: The system refuses: a full disk, missing rights.
        """
        try:
            yield
        except OSError as error:
            self._note(error)
            raise _unavailable(error) from error
        except Unavailable as error:
            if isinstance(error.__cause__, OSError):
                self._note(error.__cause__)
            raise
        else:
            self._note_success()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Read or look for files inside the block; success says nothing about writing.

        Raises:
            Unavailable: The system refuses.
        """
        try:
            yield
        except OSError as error:
            raise _unavailable(error) from error

    def _note(self, error: OSError) -> None:
        problem = error.strerror or str(error)
        with self._lock:
            is_new, self._problem = problem != self._problem, problem
        if is_new:
            _log.error(
                "the combiner cannot write into %s: %s. Make room there, or correct its rights; "
                "updates and answers are refused until then",
                self._folder,
                problem,
            )

    def _note_success(self) -> None:
        if not self._problem:
            return
        with self._lock:
            problem, self._problem = self._problem, ""
        if problem:
            _log.warning("the combiner can write into %s again", self._folder)


def _unavailable(error: OSError) -> Unavailable:
    return Unavailable(
        f"The combiner's spool cannot be used: {error.strerror}. Check the rights and the free "
        "space of its data folder.",
        field="data_dir",
    )
