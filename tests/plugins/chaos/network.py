"""A network of real processes on fixed ports and folders, for faults."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from servers.process import free_port

from fednet.api_client import APIClient
from fednet.environment import environment_without_settings
from fednet.testing import FaultProxy

STOP_SECONDS_MAX = 20.0
CONNECT_SECONDS_MAX = 60.0
PAUSE_SECONDS = 0.05


class Process:
    """One process, which can be killed, stopped and started again with the same command.

    Args:
        name: Its name, and that of its log.
        command: Its command line.
        folder: The folder of its log.
        variables: Environment variables that it gets besides ours.
        announces: True if its first line of output is JSON that says that it serves.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        variables: dict[str, str],
        *,
        announces: bool,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.said: dict[str, Any] = {}
        self._command, self._variables, self._announces = command, variables, announces
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str) -> Self:
        """Start it, with further words of its command line, and wait until it serves."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *more],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment_without_settings() | self._variables,
                start_new_session=True,
            )
        if self._announces:
            assert self._process.stdout
            line = self._process.stdout.readline()
            assert line, f"{self.name} has died:\n{self.log.read_text()[-3000:]}"
            self.said = json.loads(line)
        return self

    def kill(self) -> None:
        """Kill it, as `kill -9` does."""
        self._signal(signal.SIGKILL)
        self._end()

    def terminate(self) -> None:
        """Ask it to end, and wait until it has."""
        self._signal(signal.SIGTERM)
        self._end()

    def stop(self) -> None:
        """Let it do nothing until `go_on`, as SIGSTOP does."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        self._signal(signal.SIGCONT)

    def limit_files(self, size_bytes: int) -> None:
        """Let none of its files grow beyond this size, as a full disk would; resource.RLIM_INFINITY ends it."""
        assert self._process, "it is started first"
        limits = (size_bytes, resource.RLIM_INFINITY)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, limits)

    def _signal(self, number: int) -> None:
        assert self._process, "it is started first"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _end(self) -> None:
        assert self._process, "it is started first"
        assert self._process.stdout
        self._process.wait(STOP_SECONDS_MAX)
        self._process.stdout.close()

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process and self._process.poll() is None:
            self.go_on()
            self.kill()


class ProcessNetwork:
    """Controllers, combiners behind links that can be cut, and clients, all processes of their own.

    Args:
        folder: Where all of them keep their files.
        conductor: Where clients ask before they work.
        controllers: How many controllers.
        combiners: How many combiners.
        clients: How many clients.
        state_store: The URL of the state store; by default SQLite.
        blob_store: The URL of an object store, which clients then use as well; by default a folder.

    Attributes:
        processes: All processes, and servers of stores that a fault may end, by name.
        links: The links that a fault may cut, by the name of what they lead to.
    """

    def __init__(
        self,
        folder: Path,
        conductor: str,
        *,
        controllers: int = 1,
        combiners: int = 2,
        clients: int = 4,
        state_store: str | None = None,
        blob_store: str | None = None,
    ) -> None:
        self._folder, self._conductor = folder, conductor
        self._state_store, self._blob_store = state_store, blob_store
        self._stack = contextlib.ExitStack()
        self.controllers = [f"controller-{number}" for number in range(1, controllers + 1)]
        self.combiners = [f"combiner-{number}" for number in range(1, combiners + 1)]
        self.clients = [f"client-{number}" for number in range(1, clients + 1)]
        self.processes: dict[str, Any] = {}
        self.links: dict[str, FaultProxy] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for name in self.controllers:
                self._add(stack, name, self._controller(name), announces=True)
            api_urls = [self.processes[name].said["api_url"] for name in self.controllers]
            self.token = self.processes[self.controllers[0]].said["token"]
            self.api_url = ",".join(api_urls)
            for name in self.combiners:
                self._add(stack, name, self._combiner(stack, name), announces=True)
            for name in self.clients:
                self._add(stack, name, self._client(name), announces=False)
            self.api = stack.enter_context(APIClient(self.api_url, token=self.token))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _add(
        self, stack: contextlib.ExitStack, name: str, command: list[str], *, announces: bool
    ) -> None:
        tests = str(Path(__file__).parents[1])
        variables = {"PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])}
        process = Process(name, command, self._folder, variables, announces=announces)
        self.processes[name] = process
        stack.callback(process.close)
        process.start()

    def _controller(self, name: str) -> list[str]:
        command = _fednet("controller", "start", "--port", str(free_port()), "--announce")
        command += ["--data-dir", str(self._folder / "controller")]
        if len(self.controllers) > 1:
            command += ["--name", name]
        return [*command, *_given("--state-store", self._state_store), *self._blobs()]

    def _combiner(self, stack: contextlib.ExitStack, name: str) -> list[str]:
        """Return a combiner on another loopback address, so that its link on 127.0.0.1 can be cut."""
        port = free_port()
        self.links[name] = stack.enter_context(FaultProxy(f"127.0.0.2:{port}", port=port))
        return _fednet(
            *("combiner", "start", "--name", name, "--announce", "--api-url", self.api_url),
            *("--token", self.token, "--host", "127.0.0.2", "--advertise-host", "127.0.0.1"),
            *("--port", str(port), "--data-dir", str(self.folder_of(name)), *self._blobs()),
        )

    def _blobs(self) -> list[str]:
        return _given("--blob-store", self._blob_store)

    def folder_of(self, name: str) -> Path:
        """Return the data folder of a combiner or a client."""
        return self._folder / name

    def _client(self, name: str) -> list[str]:
        """Return the command of a client with a fixed place, so that it is known which clients a fault strikes."""
        combiner = self.combiners[self.clients.index(name) % len(self.combiners)]
        transfer = "object-store" if self._blob_store else "grpc"
        words = [name, self.api_url, self.token, str(self.folder_of(name))]
        words += [combiner, transfer, self._conductor]
        return [sys.executable, "-m", "chaos.site", *words]

    def driver(self) -> str:
        """Return the name of the controller that drives the session."""
        return str(self.api.get_session("s")["owner"]["name"])

    def wait_for_clients(self) -> None:
        """Return once all clients are connected."""
        over = time.monotonic() + CONNECT_SECONDS_MAX
        while self.api.get_active_clients()["count"] < len(self.clients):
            assert time.monotonic() < over, "the clients do not connect"
            threading.Event().wait(PAUSE_SECONDS)


def _given(flag: str, value: str | None) -> list[str]:
    return [flag, value] if value else []


def _fednet(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "fednet", *words]
