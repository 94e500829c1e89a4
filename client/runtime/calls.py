"""Calls of functions whose caller can be released before the function has ended."""

from __future__ import annotations

import ctypes
import threading
import traceback
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from fednet import limits
from fednet.errors import TaskFailed

if TYPE_CHECKING:
    from collections.abc import Callable

Given = TypeVar("Given")
Result = TypeVar("Result")


class Calls:
    """One call after another, each in a thread of its own that ends with it.

    Python cannot end a thread. A cancelled function gets SystemExit at its next line of Python, and its caller is
    released at once. The next call waits until the function has really ended, so two functions never run together.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcome: Future[Any] = Future()
        self._thread: threading.Thread | None = None
        self._has_begun = False
        self._is_cancelled = False

    def begin_task(self) -> None:
        """Forget the cancel of an earlier task."""
        with self._lock:
            self._is_cancelled = False

    def call(
        self, what: str, prepare: Callable[[], Given], function: Callable[[Given], Result]
    ) -> Result:
        """Call a function and return its result.

        Args:
            what: The name of the call, as the subject of an error message.
            prepare: Makes the function's argument. It is never interrupted: between the opening of a file and the
                block that closes it, an interruption would leave the file open.
            function: The call.

        Raises:
            TaskFailed: One of the two raised an exception, or the call was cancelled.
        """
        with self._lock:
            if self._is_cancelled:
                raise TaskFailed(f"{what} was cancelled.")
            outcome: Future[Result] = Future()
            self._outcome, self._has_begun = outcome, False
            self._thread = threading.Thread(
                target=self._run,
                args=(outcome, self._thread, what, prepare, function),
                daemon=True,
            )
            self._thread.start()
        try:
            return outcome.result()
        except CancelledError as error:
            raise TaskFailed(f"{what} was cancelled.") from error

    def cancel(self) -> None:
        """Release the caller and interrupt the function, if one is running; the task calls no further one."""
        with self._lock:
            self._is_cancelled = True
            if self._thread is not None and self._outcome.cancel() and self._has_begun:
                self._has_begun = False  # one interruption is enough
                _interrupt(self._thread)

    def _run(
        self,
        outcome: Future[Result],
        before: threading.Thread | None,
        what: str,
        prepare: Callable[[], Given],
        function: Callable[[Given], Result],
    ) -> None:
        # When the function has begun, an interruption may arrive at any line; then the outcome is already "cancelled".
        with suppress(SystemExit):
            if before is not None:
                before.join()
            try:
                given = prepare()
                if not self._begins(outcome):
                    return
                result = function(given)
            except BaseException as error:  # noqa: BLE001 (user code may raise anything)
                if outcome.set_running_or_notify_cancel():  # from here on, it cannot be cancelled
                    outcome.set_exception(_failure(what, error))
            else:
                if outcome.set_running_or_notify_cancel():
                    outcome.set_result(result)
            with self._lock:  # an interruption that is under way arrives here, and none later
                self._has_begun = False

    def _begins(self, outcome: Future[Any]) -> bool:
        """Return True if the function is still wanted; from here on, a cancel interrupts it."""
        with self._lock:
            self._has_begun = not outcome.cancelled()
            return self._has_begun


def _failure(what: str, error: BaseException) -> TaskFailed:
    if isinstance(error, TaskFailed):
        return error
    reason = traceback.format_exception_only(error)[-1].strip()
    text = "".join(traceback.format_exception(error))
    return TaskFailed(
        f"{what} failed: {reason}"[: limits.traceback_characters_max],
        traceback=text[-limits.traceback_characters_max :],
    )


def _interrupt(thread: threading.Thread) -> None:
    """Raise SystemExit in a thread at its next line of Python (PyThreadState_SetAsyncExc)."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
        )
