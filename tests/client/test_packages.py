"""Packages in a real network: what people hear of a client's environment, and an object that stays."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from fednet.packages import create_package
from fednet.parameters import load_parameters, write_model
from fednet.testing import Network

SECONDS_MAX = 60

OBJECT = """
class Client:
    calls = 0
    def train(self, parameters, settings):
        self.calls += 1
        return [array + self.calls for array in parameters], {"num_examples": 1}
"""


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Runs a session of two rounds with a package of the given files; the network and its model."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("UV_OFFLINE", "1")

    def train(net, **files):
        folder = tmp_path / "package"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)
        create_package(folder, tmp_path / "package.tgz")
        write_model(tmp_path / "seed.npz", [np.zeros(3)])
        assert net.api.set_active_package(str(tmp_path / "package.tgz"), "numpyhelper")["success"]
        assert net.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
        net.add_client("a")
        assert begin(net)["status"] == "FINISHED"
        model_id = net.api.get_active_model()["model"]
        net.api.download_model(model_id, str(tmp_path / "model.npz"))
        return load_parameters(tmp_path / "model.npz")

    return train


def begin(net):
    answer = net.api.start_session("s", rounds=2, validate=False)
    assert answer["success"], answer
    return net.api.wait_session("s", timeout=SECONDS_MAX)


def test_an_object_stays_from_round_to_round(train):
    """The second training finds what the first one left: 1, then 2 are added."""
    with Network() as net:
        (array,) = train(net, fednet__yaml="client: model:Client", model__py=OBJECT)

    assert array.tolist() == [3, 3, 3]


def test_statuses_tell_how_the_environment_is_built(train):
    """Of the session whose task waits for it, and only once."""
    manifest = """python_env: env.yaml
entry_points: {train: {command: bash train.sh}}"""
    script = """cp "$1" "$2"; echo '{"num_examples": 1}' > "$2-metadata" """
    with Network() as net:
        train(net, fednet__yaml=manifest, env__yaml="name: mine", train__sh=script)
        said = [each for each in net.api.get_statuses()["result"] if "mine" in each["status"]]

    assert len(said) == 2
    assert {each["session_id"] for each in said} == {"s"}
    assert "is ready after" in said[0]["status"]
