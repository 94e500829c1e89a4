"""The published FEDn as a system: controller, combiner and clients, with its store of documents and of objects."""

from __future__ import annotations

import contextlib
import json
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fednet.parameters import write_model

from .processes import (
    SCRIPTS,
    Command,
    Environment,
    ask,
    free_port,
    line_of,
    logs_shown,
    process,
    wait_for_port,
)
from .system import Rounds, Shape, random_model

SETTINGS = """
network_id: fedn-network
controller: {{host: 127.0.0.1, port: {controller}, debug: false}}
statestore: {{type: MongoDB, mongo_config: {{host: 127.0.0.1, port: {documents}}}}}
storage:
  storage_type: BOTO3
  storage_config:
    storage_endpoint: http://127.0.0.1:{objects}
    storage_access_key: key
    storage_secret_key: secret
    storage_bucket: fedn-models
    context_bucket: fedn-context
    storage_secure_mode: false
    storage_verify_ssl: false
"""


@dataclass(frozen=True)
class RunningFedn:
    """A network of FEDn whose clients are all online."""

    driver: subprocess.Popen[str]
    pids: Mapping[str, Sequence[int]]

    def run(self, rounds: int) -> Rounds:
        """See `RunningSystem.run`; the first round is not measured."""
        return Rounds(json.loads(ask(self.driver, str(rounds))), rounds + 1)


@dataclass(frozen=True)
class Ports:
    """The ports of FEDn's servers."""

    controller: int = field(default_factory=free_port)
    combiner: int = field(default_factory=free_port)
    documents: int = field(default_factory=free_port)
    objects: int = field(default_factory=free_port)


@dataclass(frozen=True)
class Fedn:
    """FEDn in an environment of its own, which has mongod and rclone from their wheels as well.

    Attributes:
        environment: Its environment.
    """

    environment: Environment
    name: str = "fedn"

    @contextlib.contextmanager
    def started(self, shape: Shape) -> Iterator[RunningFedn]:
        """See `System.started`."""
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as parts:
            network = _Processes(self.environment, Path(folder), parts)
            parts.enter_context(logs_shown(network.folder))
            network.start_servers()
            for number in range(shape.clients):
                network.start_client(f"client-{number}")
            driver = network.driver(shape)
            line_of(driver)
            yield RunningFedn(driver, network.pids)


class _Processes:
    """The processes of one network, each with its log and its working folder."""

    def __init__(self, environment: Environment, folder: Path, parts: contextlib.ExitStack) -> None:
        self.folder = folder
        self.pids: dict[str, list[int]] = {}
        self._environment = environment
        self._mongod = next(environment.folder.glob("lib/*/site-packages/fiftyone/db/bin/mongod"))
        self._parts = parts
        self._ports = Ports()
        self._settings = folder / "settings.yaml"
        self._settings.write_text(SETTINGS.format_map(vars(self._ports)))

    def start_servers(self) -> None:
        """Start the stores, the controller and the combiner, each when those before it listen."""
        ports = self._ports
        self._mongod.chmod(self._mongod.stat().st_mode | stat.S_IXUSR)
        documents, objects = self._folder_of("documents"), self._folder_of("objects")
        mongod: Command = [self._mongod, "--dbpath", documents, "--nounixsocket"]
        rclone = self._environment.command("rclone", "serve", "s3", "--config", "", objects)
        self._start("stores", [*mongod, "--port", str(ports.documents)], ports.documents)
        keys = ["--auth-key", "key,secret", "--no-cleanup", "--dir-cache-time", "24h"]
        address = ["--addr", f"127.0.0.1:{ports.objects}"]
        self._start("stores", [*rclone, *keys, *address], ports.objects)
        controller = self._environment.command("fedn", "controller", "start")
        self._start("controller", controller, ports.controller)
        options = ["-n", "combiner", "-h", "127.0.0.1", "-i", str(ports.combiner), "-c", "100"]
        combiner = self._environment.command("fedn", "combiner", "start", *options)
        self._start("combiner", combiner, ports.combiner)

    def start_client(self, name: str) -> None:
        """Start a client, which connects when it can."""
        url = f"http://127.0.0.1:{self._ports.controller}/"
        script = SCRIPTS / "fedn_client.py"
        self._start("client", self._environment.command("python", script, url, name))

    def driver(self, shape: Shape) -> subprocess.Popen[str]:
        """Start the process that starts sessions."""
        model = self.folder / "seed.npz"
        write_model(model, [random_model(shape.parameters)])
        ports = [str(self._ports.controller), str(self._ports.documents)]
        arguments: Command = [SCRIPTS / "fedn_driver.py", *ports, str(shape.clients), model]
        return self._parts.enter_context(process(self._environment.command("python", *arguments)))

    def _start(self, role: str, command: Command, port: int | None = None) -> None:
        """Start a process of a role, and wait until it listens on a port."""
        number = len(self.pids.setdefault(role, []))
        name = f"{role}-{number}"
        started = self._parts.enter_context(
            process(
                command,
                folder=self._folder_of(name),
                log=self.folder / f"{name}.log",
                variables=self._variables(name),
            )
        )
        self.pids[role].append(started.pid)
        if port:
            wait_for_port(port)

    def _variables(self, name: str) -> dict[str, str]:
        settings = str(self._settings)
        return {
            "STATESTORE_CONFIG": settings,
            "MODELSTORAGE_CONFIG": settings,
            "FEDN_MODEL_DIR": str(self._folder_of(f"{name}-models")),
        }

    def _folder_of(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder
