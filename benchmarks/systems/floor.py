"""The floor: bare gRPC that moves the same bytes between as many processes, and does nothing else."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .processes import SCRIPTS, Command, ask, line_of, process
from .system import MEGABYTE, Rounds, Shape


@dataclass(frozen=True)
class RunningFloor:
    """A server and its clients."""

    server: subprocess.Popen[str]
    clients: Sequence[subprocess.Popen[str]]

    @property
    def pids(self) -> Mapping[str, Sequence[int]]:
        """See `RunningSystem.pids`."""
        return {"server": [self.server.pid], "client": [each.pid for each in self.clients]}

    def run(self, rounds: int) -> Rounds:
        """See `RunningSystem.run`."""
        return Rounds(json.loads(ask(self.server, str(rounds))), rounds)


@dataclass(frozen=True)
class Floor:
    """Bare gRPC: threads on the server, pieces of 1 MiB, nothing hashed or checked.

    Attributes:
        keeps_files: True if both sides write what they receive to files, as everybody must who loses nothing. It shows
            what this machine's files cost.
    """

    keeps_files: bool = False

    @property
    def name(self) -> str:
        """The name in the table."""
        return "gRPC and files" if self.keeps_files else "bare gRPC"

    @contextlib.contextmanager
    def started(self, shape: Shape) -> Iterator[RunningFloor]:
        """See `System.started`; its first round, which connects, is done."""
        size = str(shape.megabytes * MEGABYTE)
        with contextlib.ExitStack() as processes:
            folders = [processes.enter_context(tempfile.TemporaryDirectory())] * self.keeps_files
            server_script, client_script = SCRIPTS / "floor_server.py", SCRIPTS / "floor_client.py"
            command: Command = [sys.executable, server_script, str(shape.clients), size, *folders]
            server = processes.enter_context(process(command))
            address = f"127.0.0.1:{int(line_of(server))}"
            client: Command = [sys.executable, client_script, address, *folders]
            clients = [processes.enter_context(process(client)) for _ in range(shape.clients)]
            floor = RunningFloor(server, clients)
            floor.run(1)
            yield floor
