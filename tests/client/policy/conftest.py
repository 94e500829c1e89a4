"""A network, a site with a policy, and its owner, who uses the commands."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from agents import Running
from click.testing import CliRunner

from fednet.client.agent import Agent
from fednet.client.cli import client
from fednet.client.runtime import CallbackRuntime
from fednet.packages import create_package, declared_settings
from fednet.parameters import write_model
from fednet.settings import ClientSettings
from fednet.testing import Network

TRAIN = """cp "$1" "$2"; echo '{"num_examples": 1}' > "$2-metadata" """
MANIFEST = """entry_points: {train: {command: bash train.sh}}
settings: {learning_rate: {type: number, min: 0, max: 1}}
"""


class Reached(Exception):
    """The session has reached the awaited state."""


@dataclass
class Site:
    """One client, with the folder that its owner decides about."""

    net: Network
    folder: Path
    running: list = field(default_factory=list)

    def start(self, name="a", *, train=None, takes=None, **settings):
        """Start an agent under the policy `pinned`; with a function, it brings its own code."""
        runtime = CallbackRuntime(train, None) if train else None
        given = {
            "name": name,
            "api_url": self.net.api_url,
            "token": self.net.token,
            "data_dir": self.folder,
            **settings,
        }
        one = Running(
            lambda ready: Agent(
                ClientSettings(**given), runtime, ready, takes=declared_settings(takes or {})
            )
        )
        self.running.append(one)
        one.ready.get(timeout=100)
        return one

    def owner(self, *words, name="a"):
        """Run a command of the owner; return its JSON."""
        where = ("--data-dir", str(self.folder), "--name", name, "--json")
        done = CliRunner().invoke(client, [*words, *where], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def client(self, name="a"):
        """Return the client's document."""
        return self.net.api.get_client(name)

    def told(self):
        """Return the lines of the network's log that name a waiting approval, the oldest first."""
        statuses = self.net.api.get_statuses(n_max=1000)["result"]
        return [
            each["message"] for each in reversed(statuses) if "WAITING_APPROVAL" in each["message"]
        ]

    def start_session(self, name="s", **options):
        """Start a session of one round, which waits for as long as a test may take."""
        given = {"rounds": 1, "round_timeout": 100, "round_retries": 0, "validate": False}
        answer = self.net.api.start_session(name, **{**given, **options})
        assert answer["success"], answer

    def until(self, is_reached, name="s"):
        """Follow a session until its document satisfies a condition, and return it."""

        def follow(session):
            if is_reached(session):
                raise Reached(session)

        with pytest.raises(Reached) as reached:
            self.net.api.wait_session(name, follow, timeout=100)
        return reached.value.args[0]

    def until_waiting(self, name="s"):
        """Follow a session until it waits for approvals; return the number of clients by digest."""
        session = self.until(lambda each: each["progress"]["awaiting_approval"], name)
        return session["progress"]["awaiting_approval"]

    def end_of(self, name="s"):
        """Return the status of a session that has ended."""
        return self.net.api.wait_session(name, timeout=100)["status"]


@pytest.fixture
def net(tmp_path):
    """Give a network with one combiner and a model."""
    with Network(data_dir=tmp_path / "network") as net:
        write_model(tmp_path / "seed.npz", [np.zeros(3)])
        net.api.set_active_model(str(tmp_path / "seed.npz"))
        yield net


@pytest.fixture
def site(net, tmp_path):
    """Give a site whose agents end with the test."""
    site = Site(net, tmp_path / "site")
    yield site
    for one in site.running:
        one.stop()


@pytest.fixture
def publish(net, tmp_path) -> Callable[..., str]:
    """Give a function that makes a package of these files the active one, and returns its digest."""

    def publish(*, train=TRAIN, manifest=MANIFEST, edit=lambda path: path, **files):
        folder = tmp_path / "package"
        folder.mkdir(exist_ok=True)
        for name, text in {"fednet.yaml": manifest, "train.sh": train, **files}.items():
            (folder / name).write_text(text)
        made = tmp_path / "package.tgz"
        create_package(folder, made)
        edit(made)
        answer = net.api.set_active_package(str(made), "numpyhelper")
        return net.api.get_package(answer["package_id"])["sha256"]

    return publish
