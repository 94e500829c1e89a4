"""A network, a site with a policy, and its owner, who uses the commands."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from agents import Running

from fednet.client.agent import Agent
from fednet.client.runtime import CallbackRuntime
from fednet.packages import create_package, declared_settings
from fednet.parameters import write_model
from fednet.settings import ClientSettings
from fednet.testing import Network

TRAIN = """cp "$1" "$2"; echo '{"num_examples": 1}' > "$2-metadata" """
MANIFEST = """entry_points: {train: {command: bash train.sh}}
settings: {learning_rate: {type: number, min: 0, max: 1}}
"""


@dataclass
class Site:
    """One client, with the folder that its owner decides about."""

    net: Network
    folder: Path
    running: list = field(default_factory=list)

    def start(self, name="a", *, train=None, takes=None, **settings):
        """Start an agent under the policy `pinned`; with a function, it brings its own code."""
        runtime = CallbackRuntime(train) if train else None
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
        done = subprocess.run(
            [sys.executable, "-m", "fednet", "client", *words, *where],
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        return json.loads(done.stdout)

    def client(self, name="a"):
        """Return the client's document."""
        return self.net.api.get_client(name)


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
