"""A network of fednet as a system: controller, combiner and clients, each a process of its own."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from fednet import APIClient
from fednet.parameters import write_model

from .processes import SCRIPTS, Command, line_of, process
from .system import Rounds, Shape, random_model


@dataclass(frozen=True)
class Servers:
    """A controller and a combiner.

    Attributes:
        api: The API of the controller.
        token: The admin's token.
        pids: The process ids by role.
    """

    api: APIClient
    token: str = field(repr=False)
    pids: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class RunningNetwork:
    """A network whose clients are all connected."""

    api: APIClient
    pids: Mapping[str, Sequence[int]]
    clients: int
    options: Mapping[str, Any]

    def run(self, rounds: int) -> Rounds:
        """See `RunningSystem.run`; the first round is not measured: nobody has loaded everything by then."""
        count = rounds + 1
        started = self.api.start_session(
            rounds=count,
            min_clients=self.clients,
            requested_clients=self.clients,
            round_timeout=3_600,
            validate=False,
            **self.options,
        )
        session = self.api.wait_session(started["session_id"])
        assert session["status"] == "FINISHED", session["reason"]
        return Rounds(self._seconds(count)[1:], count)

    def _seconds(self, count: int) -> list[float]:
        """Return the time from the start of each round to that of the next one, or to its own end."""
        rounds = self.api.get_rounds(n_max=count)["result"]
        times = sorted(datetime.fromisoformat(each["started_at"]) for each in rounds)
        times.append(max(datetime.fromisoformat(each["ended_at"]) for each in rounds))
        return [(end - start).total_seconds() for start, end in itertools.pairwise(times)]


@dataclass(frozen=True)
class Network:
    """fednet, of this environment or of another one.

    Attributes:
        name: The name in the table.
        python: The interpreter of the environment.
        options: Further options of the sessions.
    """

    name: str = "fednet"
    python: Path = Path(sys.executable)
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Network:
        """Return the network that a text like "old,python=/tmp/old/bin/python" or "a,update_codec=bf16" describes."""
        name, *pairs = text.split(",")
        options = dict(pair.split("=", 1) for pair in pairs)
        return cls(name, Path(options.pop("python", sys.executable)), options)

    @contextlib.contextmanager
    def started(self, shape: Shape) -> Iterator[RunningNetwork]:
        """See `System.started`."""
        with (
            self.serving(shape.parameters) as servers,
            self.clients(servers, shape.clients) as clients,
        ):
            pids = {**servers.pids, "client": clients}
            yield RunningNetwork(servers.api, pids, shape.clients, self.options)

    @contextlib.contextmanager
    def serving(self, parameters: int) -> Iterator[Servers]:
        """Start a controller and a combiner with a model."""
        with tempfile.TemporaryDirectory() as folder, process(self._up(folder)) as up:
            network = json.loads(line_of(up))
            api = APIClient(network["api_url"], token=network["token"])
            with contextlib.closing(api):
                _set_model(api, Path(folder) / "seed.npz", parameters)
                yield Servers(api, network["token"], _roles(network["pids"]))

    @contextlib.contextmanager
    def clients(
        self, servers: Servers, count: int, processes: int | None = None
    ) -> Iterator[Sequence[int]]:
        """Start clients, each in a process of its own or in so many; yield the process ids when all are connected."""
        names = [f"client-{number}" for number in range(count)]
        share = processes or count
        with contextlib.ExitStack() as running:
            started = [
                running.enter_context(process(self._client(servers, names[number::share])))
                for number in range(share)
            ]
            wait_for_clients(servers.api, count)
            yield [each.pid for each in started]

    def _up(self, data_dir: str) -> Command:
        up = [self.python, "-m", "fednet", "up", "--json", "--port", "0", "--combiner-port", "0"]
        return [*map(str, up), "--data-dir", data_dir]

    def _client(self, servers: Servers, names: Sequence[str]) -> Command:
        script = SCRIPTS / "fednet_client.py"
        return [self.python, script, servers.api.api_url, servers.token, *names]


def wait_for_clients(api: APIClient, count: int, after: int = 0) -> None:
    """Block until so many clients are connected; fewer were when the feed had this number."""
    number = after
    while api.get_active_clients(n_max=1)["count"] < count:
        number = api.get_feed(number, kinds=["client_joined"], seconds=30)["next"]


def _roles(pids: Mapping[str, int]) -> dict[str, Sequence[int]]:
    """Return process ids by role from those by name: a combiner's is `combiner` or `combiner-2`."""
    roles: dict[str, list[int]] = {}
    for name, pid in pids.items():
        roles.setdefault(name.partition("-")[0], []).append(pid)
    return dict(roles)


def _set_model(api: APIClient, path: Path, parameters: int) -> None:
    write_model(path, [random_model(parameters)])
    api.set_active_model(str(path))
    path.unlink()
