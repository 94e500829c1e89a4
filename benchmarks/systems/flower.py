"""Flower as a system: a SuperLink and SuperNodes, which start the app's processes as Flower does by itself."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from .processes import (
    SCRIPTS,
    Command,
    Environment,
    free_port,
    logs_shown,
    process,
    wait_for_port,
)
from .system import Rounds, Shape

CONFIG = """
[superlink]
default = "benchmark"

[superlink.benchmark]
address = "127.0.0.1:{port}"
insecure = true
"""


@dataclass(frozen=True)
class RunningFlower:
    """A SuperLink with its SuperNodes."""

    place: _Place
    shape: Shape
    pids: Mapping[str, Sequence[int]]

    def run(self, rounds: int) -> Rounds:
        """See `RunningSystem.run`; the first round, in which the app's processes start, is not measured."""
        count = rounds + 1
        times = self.place.folder / "times.json"
        config = (
            f"rounds={count} clients={self.shape.clients} parameters={self.shape.parameters} "
            f"times='{times}'"
        )
        app: Command = [
            "run",
            SCRIPTS / "flower_app",
            "benchmark",
            "--run-config",
            config,
            "--stream",
        ]
        with self.place.process("run", "flwr", *app) as running:
            running.wait()
        moments = json.loads(times.read_text())
        return Rounds([end - start for start, end in itertools.pairwise(moments)][1:], count)


@dataclass(frozen=True)
class Flower:
    """Flower in an environment of its own.

    Attributes:
        environment: Its environment.
    """

    environment: Environment
    name: str = "flower"

    @contextlib.contextmanager
    def started(self, shape: Shape) -> Iterator[RunningFlower]:
        """See `System.started`; SuperNodes connect by themselves, and the app waits for them."""
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as parts:
            place = _Place(self.environment, Path(folder))
            parts.enter_context(logs_shown(place.folder))
            superlink = parts.enter_context(place.superlink())
            wait_for_port(place.port)
            supernodes = [
                parts.enter_context(place.supernode(number)) for number in range(shape.clients)
            ]
            pids = {"superlink": [superlink.pid], "supernode": [each.pid for each in supernodes]}
            yield RunningFlower(place, shape, pids)


@dataclass(frozen=True)
class _Place:
    """The environment, the folder and the address of one SuperLink."""

    environment: Environment
    folder: Path
    port: int = field(default_factory=free_port)

    def superlink(self) -> AbstractContextManager[subprocess.Popen[str]]:
        """Start the SuperLink."""
        (self.folder / "config.toml").write_text(CONFIG.format(port=self.port))
        options = ["--port", str(self.port), "--disable-runtime-dependency-installation"]
        return self.process("superlink", "flower-superlink", "--insecure", *options)

    def supernode(self, number: int) -> AbstractContextManager[subprocess.Popen[str]]:
        """Start a SuperNode."""
        options = ["--superlink", f"127.0.0.1:{self.port}", "--port", str(free_port())]
        return self.process(f"supernode-{number}", "flower-supernode", "--insecure", *options)

    def process(
        self, name: str, program: str, *arguments: str | Path
    ) -> AbstractContextManager[subprocess.Popen[str]]:
        """Start a program of Flower with a log."""
        return process(
            self.environment.command(program, *arguments),
            log=self.folder / f"{name}.log",
            variables={**self.environment.variables, "FLWR_HOME": str(self.folder)},
        )
