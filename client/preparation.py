"""The preparation of a runtime for its tasks, in a thread of its own, so that it outlives the deadline of a task."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fednet.errors import FednetError, TaskFailed

from .runtime import Runtime

_log = logging.getLogger(__name__)


class Preparation:
    """The preparation of one runtime. It goes on when the task that began it is cancelled.

    Args:
        runtime: The runtime.
        tell: Called with each step, and with "" at the end.
    """

    def __init__(self, runtime: Runtime, tell: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._tell = tell
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_running = False
        self._is_left = False
        self._problem: FednetError | OSError | None = None

    @property
    def is_running(self) -> bool:
        """True until the preparation has ended."""
        with self._changed:
            return self._is_running

    def begin_task(self) -> None:
        """Forget that an earlier task has left."""
        with self._changed:
            self._is_left = False

    def await_end(self) -> None:
        """Wait until the runtime is ready; begin the preparation unless it runs already.

        Raises:
            FednetError: The preparation failed; the next call begins another one.
            TaskFailed: `leave` was called since `begin_task`; a preparation that runs goes on.
        """
        with self._changed:
            if not self._is_running and self._runtime.is_ready:
                return
            if not self._is_running and not self._is_left:
                self._begin()
            self._changed.wait_for(lambda: self._is_left or not self._is_running)
            if self._is_left:
                raise TaskFailed("The task was cancelled while the package was being prepared.")
            if self._problem is not None:
                raise self._problem

    def leave(self) -> None:
        """Release the call of this task that waits, or will wait."""
        with self._changed:
            self._is_left = True
            self._changed.notify_all()

    def step(self, text: str) -> None:
        """Tell a step of the running preparation."""
        with self._changed:
            is_running = self._is_running
        if is_running:
            self._tell(text)

    def close(self) -> None:
        """Wait for the end of the preparation, after the runtime was closed."""
        self.leave()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> None:
        self._is_running, self._problem = True, None
        self._thread = threading.Thread(target=self._run, name="preparation", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._tell("preparing the package")
        problem: FednetError | OSError | None = None
        try:
            self._runtime.make_ready()
        except (FednetError, OSError) as error:
            _log.warning("the preparation of the package failed: %s", error)
            problem = error
        finally:
            self._tell("")
            with self._changed:
                self._problem, self._is_running = problem, False
                self._changed.notify_all()
