"""A gunicorn worker with the event loop of this package."""

from __future__ import annotations

import contextlib
import os
import select

from gunicorn.workers.base import Worker

from fednet import limits
from fednet.settings import ControllerSettings, load

from ..server import serving_controller


class EventLoopWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Serves the application on gunicorn's sockets; a waiting request holds none of its threads."""

    def run(self) -> None:
        """Serve until gunicorn ends the worker, or dies."""
        settings = load(ControllerSettings).model_copy(update={"threads": self.cfg.threads})
        with contextlib.ExitStack() as running:
            for each in self.sockets:
                running.enter_context(serving_controller(self.wsgi, each.sock, settings, servers=2))
            while self.alive and self.ppid == os.getppid():
                self.notify()
                self._wait_for_signal()

    def _wait_for_signal(self) -> None:
        """Wait for a signal, or for the next sign of life to gunicorn."""
        ready, _, _ = select.select([self.PIPE[0]], [], [], limits.pulse_seconds)
        if ready:
            os.read(self.PIPE[0], limits.KIB)
