"""What the tests of commands stand on: no named networks from outside, and real small networks."""

import ctypes
import os
import struct
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.packages import create_package
from fednet.testing import Network


@pytest.fixture(autouse=True)
def _clean_config(monkeypatch, tmp_path):
    """A config folder of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))


def train(parameters, _settings):
    return [array + 1 for array in parameters], {"num_examples": 3}


def predict(_parameters, _settings):
    return {"labels": [1, 2]}


def validate(_parameters, _settings):
    return {"accuracy": 0.5, "num_examples": 3}


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    """A model file of two arrays."""
    path = tmp_path_factory.mktemp("seed") / "seed.npz"
    np.savez(path, **{"0": np.zeros((2, 3), np.float32), "1": np.zeros(4)})
    return path


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A compute package's file."""
    folder = tmp_path_factory.mktemp("code")
    (folder / "fednet.yaml").write_text("entry_points: {train: {command: python train.py}}\n")
    create_package(folder, folder / "package.tgz")
    return folder / "package.tgz"


@pytest.fixture(scope="module")
def net(seed, archive):
    """A network with one client, a package and a finished session of two rounds, `first`."""
    with Network() as network:
        network.add_client("site-1", train=train, validate=validate, predict=predict)
        assert network.api.set_active_model(str(seed))["success"]
        assert network.api.set_active_package(str(archive), "numpyhelper")["success"]
        assert network.api.start_session("first", rounds=2)["success"]
        assert network.api.wait_session("first", timeout=200)["status"] == "FINISHED"
        yield network


@pytest.fixture(scope="module")
def fednet(net):
    """Runs a command with the flags that lead to the network."""

    def invoke(*words):
        flags = ["--url", net.api_url, "--token", net.token]
        return CliRunner().invoke(main, [*map(str, words), *flags])

    return invoke


@pytest.fixture(scope="session")
def up():
    """Starts `fednet up` on free ports, in a process of its own, which is killed at the end at the latest."""
    command = [sys.executable, "-P", "-m", "fednet", "up", "--port", "0", "--combiner-port", "0"]

    @contextmanager
    def start(*arguments):
        with subprocess.Popen(
            [*command, "--json", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return start


@pytest.fixture
def new_files():
    """Tells the names of the files that take their place in a folder from now on, each as it does (inotify(7))."""
    libc, moved_to, header = ctypes.CDLL(None), 0x80, struct.Struct("iIII")
    descriptors = []

    def names(descriptor):
        while True:
            events = os.read(descriptor, 4096)
            while events:
                size = header.size + header.unpack_from(events)[3]
                yield events[header.size : size].rstrip(b"\0").decode()
                events = events[size:]

    def watch(folder):
        descriptors.append(libc.inotify_init1(os.O_CLOEXEC))
        assert libc.inotify_add_watch(descriptors[-1], bytes(folder), moved_to) > 0
        return names(descriptors[-1])

    yield watch
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.fixture
def package(tmp_path):
    """A package's folder; its code copies the model and says what it was given."""
    folder = tmp_path / "client"
    folder.mkdir()
    (folder / "fednet.yaml").write_text(
        "entry_points:\n"
        "  build: {command: echo building && echo model > made.txt}\n"
        "  startup: {command: echo starting}\n"
        "  train: {command: sh train.sh}\n"
        "  validate: {command: sh validate.sh}\n"
        "  predict: {command: sh predict.sh}\n"
    )
    (folder / "train.sh").write_text(
        'echo training; cp "$1" "$2"; echo \'{"num_examples": 3}\' > "$2-metadata"\n'
    )
    (folder / "predict.sh").write_text('echo \'{"labels": [1, 2]}\' > "$2"\n')
    (folder / "validate.sh").write_text('echo \'{"accuracy": 0.5}\' > "$2"\n')
    return folder
