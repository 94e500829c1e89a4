"""NVIDIA FLARE as a system: a server and sites of its proof of concept, which start a process for each job."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from .processes import (
    SCRIPTS,
    Command,
    Environment,
    ask,
    line_of,
    logs_shown,
    process,
    wait_for_port,
)
from .system import Rounds, Shape

PORT = 8002
"""The port that FLARE's proof of concept always has."""


@dataclass(frozen=True)
class RunningFlare:
    """A server that knows all its sites."""

    driver: subprocess.Popen[str]
    pids: Mapping[str, Sequence[int]]

    def run(self, rounds: int) -> Rounds:
        """See `RunningSystem.run`; the first round, before which the job's processes start, is not measured."""
        return Rounds(json.loads(ask(self.driver, str(rounds))), rounds + 1)


@dataclass(frozen=True)
class Flare:
    """NVIDIA FLARE in an environment of its own.

    Attributes:
        environment: Its environment.
    """

    environment: Environment
    name: str = "flare"

    @contextlib.contextmanager
    def started(self, shape: Shape) -> Iterator[RunningFlare]:
        """See `System.started`."""
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as parts:
            place = _Place(self.environment, Path(folder))
            parts.enter_context(logs_shown(place.folder))
            place.provision(shape.clients)
            server = parts.enter_context(place.started("server"))
            wait_for_port(PORT)
            sites = [
                parts.enter_context(place.started(f"site-{number + 1}"))
                for number in range(shape.clients)
            ]
            driver = parts.enter_context(place.driver(shape))
            line_of(driver)
            yield RunningFlare(driver, {"server": [server.pid], "site": [s.pid for s in sites]})


@dataclass(frozen=True)
class _Place:
    """The environment, and the folder of one network."""

    environment: Environment
    folder: Path

    @property
    def _kits(self) -> Path:
        return self.folder / "poc/example_project/prod_00"

    @property
    def _variables(self) -> dict[str, str]:
        return {**self.environment.variables, "NVFLARE_POC_WORKSPACE": str(self.folder / "poc")}

    def provision(self, clients: int) -> None:
        """Make the folders and certificates of the server and its sites."""
        prepare = self.environment.command("nvflare", "poc", "prepare", "-n", str(clients))
        log = self.folder / "prepare.log"
        with process(prepare, log=log, variables=self._variables) as running:
            running.wait()

    def started(self, name: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """Start the server or a site as FLARE's own script does, but without a guard."""
        script = self._kits / name / "startup/sub_start.sh"
        log = self.folder / f"{name}.log"
        return process(["bash", script, name, "--once"], log=log, variables=self._variables)

    def driver(self, shape: Shape) -> AbstractContextManager[subprocess.Popen[str]]:
        """Start the process that submits jobs."""
        kit = self._kits / "admin@nvidia.com"
        arguments: Command = [
            SCRIPTS / "flare_driver.py",
            kit,
            str(shape.clients),
            str(shape.parameters),
        ]
        return process(
            self.environment.command("python", *arguments),
            folder=self.folder,
            variables=self._variables,
        )
