"""One component under a supervisor: its process, and the next process after a death."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.cli._child import Child, Program
from fednet.cli._restarts import Restarts
from fednet.errors import FednetError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from pathlib import Path


class Component:
    """A program that is kept running on its first address.

    A process that dies before the component was ready for the first time is not replaced, because its settings are
    wrong.

    Args:
        program: The program.
        log: The file for the stderr of its processes; the first process replaces it, later ones append to it.
        report: Is called with each death after which a new process starts.

    Attributes:
        name: Its name.
        child: Its newest process.
        announced: The first announcement of its first process.
        deaths: The number of its processes that have died.
        next_at: The time of the next call of `tend`, by `time.monotonic`; None if none is due.
    """

    def __init__(self, program: Program, log: Path, report: Callable[[str], None]) -> None:
        self.name = program.name
        self.child = Child.start(program, log, program.command)
        self.announced = self.child.announced
        self.deaths = 0
        self.next_at: float | None = None
        self._program = program
        self._report = report
        self._restarts = Restarts()
        self._told: Mapping[str, str] | None = None
        self._is_down = False
        self._is_returning = False

    @property
    def is_away(self) -> bool:
        """True from the death of a process until the next one is ready."""
        return self._is_down or self._is_returning or self.child.has_died

    def tell(self, settings: Mapping[str, str]) -> None:
        """Send its processes the settings that they wait for; see `Child.tell`."""
        self._told = settings
        self.child.tell(settings)

    def news(self) -> list[Future[Any]]:
        """Return the futures after which `tend` is due."""
        awaited: list[Future[Any]] = [
            self.child.ended,
            *[self.child.announced] * self._is_returning,
        ]
        return [future for future in awaited if not future.done()]

    def tend(self, now: float) -> bool:
        """Start the next process if it is due; return True if the component has just become ready again.

        Raises:
            FednetError: A process has died and is not replaced.
        """
        if self._is_down:
            if self.next_at is not None and now >= self.next_at:
                self._start_again(now)
        elif self.child.has_died:
            self._replace_later(now)
        elif self._is_returning:
            return self._returned(now)
        return False

    def _replace_later(self, now: float) -> None:
        self.deaths += 1
        if not _succeeded(self.announced):
            raise FednetError(f"{self.child.end()}.{self.child.log_tail()}")
        seconds = self._restarts.after_death(now)
        if seconds is None:
            raise FednetError(
                f"{self.child.end()}, after {limits.restarts_max} restarts within "
                f"{limits.restart_window_seconds:.0f} s.{self.child.log_tail()}"
            )
        self.child.kill()  # its remaining children
        self.child.release()
        self._is_down, self._is_returning = True, False
        self.next_at = now + seconds
        self._report(f"{self.child.end()}. It starts again in {seconds:.1f} s.")

    def _start_again(self, now: float) -> None:
        again = self._program.again
        command = again(self.announced.result()) if again else self._program.command
        self.child = Child.start(self._program, self.child.log, command, keep_log=True)
        self._is_down, self._is_returning = False, True
        self.next_at = now + limits.start_seconds_max
        if self._told is not None:
            self.child.tell(self._told)

    def _returned(self, now: float) -> bool:
        """Return True if the new process is ready; kill it if it takes too long or announces no JSON."""
        announced = self.child.announced
        if _succeeded(announced):
            self._is_returning, self.next_at = False, None
            return True
        if announced.done() or (self.next_at is not None and now >= self.next_at):
            self.next_at = None
            self.child.kill()  # which counts as a death
        return False


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and future.exception() is None
