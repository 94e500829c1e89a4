"""A gunicorn worker with the event loop of this package."""

from __future__ import annotations

import contextlib
import os
import select

from gunicorn.workers.base import Worker

from fednet import limits
from fednet.settings import ControllerSettings, load

from ..server import serving_controller
from ..wsgi import begin_to_stop


class EventLoopWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """Serves the application on gunicorn's sockets; a waiting request holds none of its threads."""

    def run(self) -> None:
        """Serve until gunicorn ends the worker, or dies; then finish requests, on all ports at the same time."""
        settings = load(ControllerSettings).model_copy(update={"threads": self.cfg.threads})
        with contextlib.ExitStack() as running:
            stops = [
                running.enter_context(serving_controller(self.wsgi, each.sock, settings, servers=2))
                for each in self.sockets
            ]
            while self.alive and self.ppid == os.getppid():
                self.notify()
                self._wait_for_signal()
            begin_to_stop(self.wsgi)
            for stop in stops:
                stop()

    def _wait_for_signal(self) -> None:
        """Wait for a signal, or for the next sign of life to gunicorn."""
        ready, _, _ = select.select([self.PIPE[0]], [], [], limits.pulse_seconds)
        if ready:
            os.read(self.PIPE[0], limits.KIB)
