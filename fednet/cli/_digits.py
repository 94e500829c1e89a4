"""The data and the package of `fednet demo`: handwritten digits, and code that learns to read them."""

from __future__ import annotations

import os
import shlex
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from fednet.cli._child import Program
from fednet.cli._network import start_client
from fednet.environment import environment_without_settings

if TYPE_CHECKING:
    from fednet.api_client import APIClient
    from fednet.cli._component import Component
    from fednet.cli._supervisor import Supervisor

EXAMPLE = "fednet.examples.digits"


class Digits:
    """The split of the digits, the package and the first model, made while the servers start.

    Args:
        processes: The supervisor of the processes that make them.
        folder: The folder for their files.
        clients: The number of clients.
    """

    def __init__(self, processes: Supervisor, folder: Path, *, clients: int) -> None:
        from fednet.packages import create_package, unpack_package

        self._processes = processes
        self._folder = folder
        self._data = [folder / "digits" / f"client-{n}.npz" for n in range(1, clients + 1)]
        self._data[0].parent.mkdir(
            parents=True, exist_ok=True
        )  # the clients start before the split
        self._package = folder / "digits.tgz"
        made = create_package(Path(str(files(EXAMPLE) / "client")), self._package)
        self._unpacked = folder / f"digits-{made.sha256}"
        manifest = unpack_package(self._package, self._unpacked)
        self._split_job = self._start_split()
        self._build_job = self._start_build(manifest.entry_points["build"])

    def _start_split(self) -> Component:
        arguments = ["--clients", str(len(self._data)), "--out", str(self._data[0].parent)]
        command = [sys.executable, "-P", "-m", f"{EXAMPLE}.data", *arguments]
        return self._processes.start(
            Program("split", command, environment_without_settings(), is_job=True)
        )

    def _start_build(self, command: str) -> Component:
        """Run the package's own command for the first model, as its author would."""
        script = f"cd {shlex.quote(str(self._unpacked))} && {command}"
        environment = environment_without_settings()
        interpreter = str(Path(sys.executable).parent)  # the `python` of the package
        environment["PATH"] = f"{interpreter}{os.pathsep}{environment.get('PATH', '')}"
        return self._processes.start(
            Program("build", ["sh", "-c", script], environment, is_job=True)
        )

    def publish(self, api: APIClient) -> None:
        """Upload the package and the first model.

        Raises:
            FednetError: The first model could not be made, or the controller refused it.
        """
        self._processes.while_alive(lambda: self._publish_package(api))
        self._processes.finish(self._build_job)
        self._processes.while_alive(lambda: self._publish_model(api))

    def _publish_package(self, api: APIClient) -> None:
        api.set_active_package(str(self._package), "numpyhelper", "digits")

    def _publish_model(self, api: APIClient) -> None:
        api.set_active_model(str(self._unpacked / "seed.npz"))

    def start_clients(self) -> list[Component]:
        """Start all agents at once; each finds its own part of the data."""
        return [
            start_client(
                self._processes,
                part.stem,
                self._folder / "clients",
                part.parent,
                {"DIGITS_DATA": str(part)},
            )
            for part in self._data
        ]

    def finish_split(self) -> None:
        """Wait until every client has its data.

        Raises:
            FednetError: The data could not be split.
        """
        self._processes.finish(self._split_job)
