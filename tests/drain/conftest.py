"""Processes that are told to stop while they work."""

import json
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

from fednet.parameters import write_model
from fednet.testing import Network

SECONDS = 120


class Server:
    """A `fednet … start` in a process of its own."""

    def __init__(self, process, log):
        self.process = process
        self._log = log
        self.said = json.loads(process.stdout.readline())

    def tell_to_stop(self):
        self.process.send_signal(signal.SIGTERM)

    def tell_to_stop_again(self):
        """Send another signal, which the system does not merge with the first one."""
        self.process.send_signal(signal.SIGINT)

    def has_ended(self):
        """Return the exit code, once it has ended."""
        return self.process.wait(SECONDS)

    def log(self):
        return self._log.read_text()


@pytest.fixture
def start(tmp_path):
    """Starts a server; it is killed at the end at the latest."""
    with ExitStack() as running:

        def run(*words):
            log = tmp_path / f"{words[0]}.log"
            return running.enter_context(server(log, *map(str, words)))

        yield run


@contextmanager
def server(log, *words):
    command = [sys.executable, "-P", "-m", "fednet", *words, "--announce"]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as process,
    ):
        try:
            yield Server(process, log)
        finally:
            process.kill()


@pytest.fixture
def net(tmp_path):
    """A network with one combiner and a model."""
    with Network() as network:
        write_model(tmp_path / "seed.npz", [np.zeros(1000, np.float32)])
        network.api.set_active_model(str(tmp_path / "seed.npz"))
        yield network
