"""Packages in a real network: the log of a client's environment, and an object that stays."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from fednet.http import Http
from fednet.packages import create_package
from fednet.parameters import load_parameters, write_model
from fednet.testing import Network

SECONDS_MAX = 200

OBJECT = """
class Client:
    calls = 0
    def train(self, parameters, settings):
        self.calls += 1
        return [array + self.calls for array in parameters], {"num_examples": 1}
"""


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Return a function that gives a network a model of zeros, a package of the given files and a client for it."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("UV_OFFLINE", "1")

    def publish(net, *, sandbox="auto", **files):
        folder = tmp_path / "package"
        folder.mkdir()
        for name, text in files.items():
            (folder / name.replace("__", ".")).write_text(text)
        create_package(folder, tmp_path / "package.tgz")
        write_model(tmp_path / "seed.npz", [np.zeros(3)])
        assert net.api.set_active_package(str(tmp_path / "package.tgz"), "numpyhelper")["success"]
        assert net.api.set_active_model(str(tmp_path / "seed.npz"))["success"]
        net.add_client("a", sandbox=sandbox)

    return publish


@pytest.fixture
def train(publish, tmp_path):
    """Return a function that runs two rounds with a package of the given files, and returns the parameters."""

    def train(net, *, validate=False, **files):
        publish(net, **files)
        started = net.api.start_session("s", rounds=2, validate=validate)
        assert started["success"], started
        assert net.api.wait_session("s", timeout=SECONDS_MAX)["status"] == "FINISHED"
        model_id = net.api.get_active_model()["id"]
        net.api.download_model(model_id, str(tmp_path / "model.npz"))
        return load_parameters(tmp_path / "model.npz")

    return train


def test_an_object_stays_from_round_to_round(train):
    """The second training finds what the first one left: 1, then 2 are added."""
    with Network() as net:
        (array,) = train(net, fednet__yaml="client: model:Client", model__py=OBJECT)
        sandbox = net.api.get_client("a")["sandbox"]

    assert array.tolist() == [3, 3, 3]
    assert sandbox in {"bwrap", "process"}


CRASHES = """
import os
from pathlib import Path
class Client:
    def train(self, parameters, settings):
        marker = Path(__file__).with_name("has-crashed")
        if settings["round"] == 2 and not marker.exists():
            marker.touch()
            os._exit(7)
        return [array + 1 for array in parameters], {"num_examples": 1}
"""


def test_an_object_that_crashes_fails_its_task_and_serves_the_next(train):
    """The round is repeated with a new process; a status tells how the old one ended."""
    with Network() as net:
        (array,) = train(net, fednet__yaml="client: model:Client", model__py=CRASHES)
        errors = [each for each in net.api.get_statuses()["result"] if each["log_level"] == "ERROR"]

    assert array.tolist() == [2, 2, 2]
    assert ["failed with exit code 7" in each["message"] for each in errors] == [True]


FEDN_MANIFEST = """entry_points:
  build:
    command: python model.py
  train:
    command: python train.py
  validate:
    command: python validate.py
  predict:
    command: python predict.py
"""
FEDN_TRAIN = """import sys
from fedn.utils.helpers.helpers import get_helper, save_metadata

def train(in_model_path, out_model_path):
    helper = get_helper("numpyhelper")
    parameters = [array + 1 for array in helper.load(in_model_path)]
    save_metadata({"num_examples": 7, "epochs": 1}, out_model_path)
    helper.save(parameters, out_model_path)

if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2])
"""
FEDN_VALIDATE = """import sys
from fedn.utils.helpers.helpers import get_helper, save_metrics

def validate(in_model_path, out_json_path):
    parameters = get_helper("numpyhelper").load(in_model_path)
    save_metrics({"mean": parameters[0].mean()}, out_json_path)

if __name__ == "__main__":
    validate(sys.argv[1], sys.argv[2])
"""
FEDN_PREDICT = """import json, sys
from fedn.utils.helpers.helpers import get_helper

with open(sys.argv[2], "w") as file:
    json.dump({"labels": get_helper("numpyhelper").load(sys.argv[1])[0].tolist()}, file)
"""


def ported(text):
    """Return an author's changes of a package for FEDn."""
    return text.replace("fedn.utils.helpers.helpers", "fednet.helpers")


def test_a_package_for_fedn_needs_only_its_import_changed(train):
    """Manifest, commands, helper and output files stay as they were."""
    with Network() as net:
        (array,) = train(
            net,
            validate=True,
            fedn__yaml=FEDN_MANIFEST,
            train__py=ported(FEDN_TRAIN),
            validate__py=ported(FEDN_VALIDATE),
            predict__py=ported(FEDN_PREDICT),
        )
        means = {each["metrics"]["mean"] for each in net.api.get_validations()["result"]}
        net.api.start_predictions("p")
        net.api.wait_session("p", timeout=SECONDS_MAX)
        [prediction] = net.api.get_predictions()["result"]

    assert array.tolist() == [2, 2, 2]
    assert means == {1.0, 2.0}
    assert prediction["result"] == {"labels": [2, 2, 2]}


def test_statuses_tell_how_the_environment_is_built(train):
    """The statuses belong to the session whose task waits for the environment, and come only once."""
    manifest = """python_env: env.yaml
entry_points: {train: {command: bash train.sh}}"""
    script = """cp "$1" "$2"; echo '{"num_examples": 1}' > "$2-metadata" """
    with Network() as net:
        train(net, fednet__yaml=manifest, env__yaml="name: mine", train__sh=script)
        said = [each for each in net.api.get_statuses()["result"] if "mine" in each["message"]]

    assert len(said) == 2
    assert {each["session_id"] for each in said} == {"s"}
    assert "is ready after" in said[0]["message"]


class Reached(Exception):
    """The session has reached the awaited state."""


def until(net, is_reached):
    """Follow the session until its phases so far satisfy a condition."""
    phases = []

    def follow(session):
        phases.append(session["progress"]["phase"])
        if is_reached(phases):
            raise Reached

    with pytest.raises(Reached):
        net.api.wait_session("s", follow, timeout=SECONDS_MAX)


WRITE = """cp "$1" "$2"; echo '{"num_examples": 1}' > "$2-metadata" """


def test_a_client_that_prepares_longer_than_a_round_joins_when_it_is_ready(publish, tmp_path):
    """Its startup goes on after the deadline, runs once, and costs the session none of its attempts."""
    gate, starts = tmp_path / "gate", tmp_path / "starts"
    os.mkfifo(gate)
    manifest = f"""entry_points:
  startup: {{command: "echo >> {starts}; cat {gate}"}}
  train: {{command: bash train.sh}}"""
    with Network() as net:
        publish(net, sandbox="process", fednet__yaml=manifest, train__sh=WRITE)
        net.api.start_session("s", rounds=1, round_timeout=3, round_retries=0, validate=False)
        with gate.open("w"):  # opens once startup reads it
            until(net, lambda phases: "training" in phases and phases[-1] == "waiting")
            preparing = net.api.get_client("a")["preparing"]
        session = net.api.wait_session("s", timeout=SECONDS_MAX)
        ready = net.api.get_client("a")["preparing"]

    assert session["status"] == "FINISHED"
    assert preparing == "The startup command is running."
    assert ready is None
    assert starts.read_text() == "\n"


def test_a_package_folder_that_is_deleted_under_an_agent_is_unpacked_again(publish):
    """The next session's task finds its files, also when the archive is gone."""
    manifest = "entry_points: {train: {command: bash train.sh}}"
    with Network() as net:
        publish(net, fednet__yaml=manifest, train__sh=WRITE)
        for name in ("s", "t", "u"):
            net.api.start_session(name, rounds=1, round_retries=0, validate=False)
            assert net.api.wait_session(name, timeout=SECONDS_MAX)["status"] == "FINISHED"
            [folder] = net.data_dir.rglob("packages/*/unpacked")
            shutil.rmtree(folder if name == "s" else folder.parent)


ADDS = """
class Client:
    def train(self, parameters, settings):
        return [array + {step} for array in parameters], {{"num_examples": 1}}
"""


@pytest.mark.parametrize("deletes", [False, True])
def test_a_session_keeps_the_package_that_it_began_with(publish, tmp_path, deletes):
    """Another active package, or none, concerns new sessions; a client that joins later runs the old one, too."""
    with Network() as net:
        publish(net, fednet__yaml="client: model:Client", model__py=ADDS.format(step=1))
        (tmp_path / "package" / "model.py").write_text(ADDS.format(step=100))
        create_package(tmp_path / "package", tmp_path / "other.tgz")
        net.api.start_session("s", rounds=3, validate=False)
        changed = []

        def change(session):
            if session["round_number"] >= 1 and not changed:
                changed.append(session["round_number"])
                net.api.set_active_package(str(tmp_path / "other.tgz"), "numpyhelper")
                if deletes:
                    http = Http(net.api_url, net.token)
                    http.call("DELETE", "/api/v1/packages/active")
                net.add_client("b")

        session = net.api.wait_session("s", change, timeout=SECONDS_MAX)
        net.api.download_model(session["model_id"], str(tmp_path / "model.npz"))

    assert (changed, session["status"]) == ([1], "FINISHED")
    assert load_parameters(tmp_path / "model.npz")[0].tolist() == [3, 3, 3]
