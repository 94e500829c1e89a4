"""Whole sessions whose settings a person gives: they reach the code of every kind of client."""

import numpy as np
import pytest

from fednet.packages import create_package
from fednet.parameters import write_model
from fednet.server_functions import ServerFunctionsBase
from fednet.testing import Network

SECONDS = 200
PACKAGE = """import json, os, sys
from fednet.helpers import get_helper, load_metadata, save_metadata, save_metrics
beside, named = load_metadata(sys.argv[2]), json.load(open(os.environ["FEDNET_TASK_SETTINGS"]))
assert beside == named, (beside, named)
told = {"epochs": beside["epochs"], "layers": len(beside["layers"]), "num_examples": 1}
if sys.argv[1] == "train":
    helper = get_helper("numpyhelper")
    helper.save(helper.load(sys.argv[2]), sys.argv[3])
    save_metadata({"num_examples": 1, "told": told}, sys.argv[3])
else:
    save_metrics(told, sys.argv[3])
"""
MANIFEST = """entry_points:
  train: {command: python code.py train}
  validate: {command: python code.py validate}
"""


class Site:
    """One client's functions, which remember what they were given."""

    def __init__(self):
        self.heard = {"train": [], "validate": [], "predict": []}

    def train(self, parameters, settings):
        self.heard["train"].append(settings)
        return parameters, {"num_examples": 1}

    def validate(self, _parameters, settings):
        self.heard["validate"].append(settings)
        return {"accuracy": 1.0}

    def predict(self, _parameters, settings):
        self.heard["predict"].append(settings)
        return {"labels": []}


class Tells(ServerFunctionsBase):
    """Functions that give a setting that the session gives, too."""

    def client_settings(self, global_model):
        return {"from functions": len(global_model), "shared": "functions", "mu": 9}


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    """Give a network with a model and no client."""
    folder = tmp_path_factory.mktemp("settings")
    write_model(folder / "seed.npz", [np.zeros(4, np.float32)])
    with Network(data_dir=folder / "network") as network:
        network.api.set_active_model(str(folder / "seed.npz"))
        yield network


@pytest.fixture
def site(net):
    """Give a client with functions; it leaves at the end."""
    here = Site()
    net.add_client("functions", train=here.train, validate=here.validate, predict=here.predict)
    yield here
    net.remove_client("functions")


def test_settings_reach_functions_in_a_stated_order(net, site):
    """Over a person's stand the aggregator's, the server functions', and fednet's own."""
    started = net.api.start_session(
        rounds=1,
        aggregator="fedprox",
        aggregator_kwargs={"mu": 0.5},
        server_functions=Tells,
        settings={"learning_rate": 1e-3, "shared": "person", "mu": 7, "layers": [64, {"a": None}]},
    )
    session_id = started["session_id"]
    net.api.wait_session(session_id, timeout=SECONDS)

    expected = {"learning_rate": 1e-3, "layers": [64, {"a": None}]}
    own = {"session_id": session_id, "round": 1, "rounds": 1}
    assert site.heard["train"] == [
        {**expected, **own, "mu": 9, "shared": "functions", "from functions": 1}
    ]
    assert site.heard["validate"] == [{**expected, **own, "mu": 0.5, "shared": "person"}]


def test_a_session_that_is_continued_keeps_its_settings(net, site):
    """They are in its options, which people can read."""
    net.api.start_session("long", rounds=1, validate=False, settings={"epochs": 3})
    net.api.wait_session("long", timeout=SECONDS)
    net.api.continue_session("long", 1)
    session = net.api.wait_session("long", timeout=SECONDS)

    assert [each["epochs"] for each in site.heard["train"]] == [3, 3]
    assert session["options"]["settings"] == {"epochs": 3}


def test_settings_of_a_prediction_reach_its_functions(net, site):
    """They stand beside the session's id."""
    net.api.start_predictions("p", settings={"batch": 8})
    net.api.wait_session("p", timeout=SECONDS)

    assert site.heard["predict"] == [{"batch": 8, "session_id": "p"}]


def test_settings_reach_packages_in_a_file_and_beside_the_model(net, tmp_path):
    """FEDNET_TASK_SETTINGS names the file; `load_metadata` of the model's path reads the same."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "fednet.yaml").write_text(MANIFEST)
    (tmp_path / "code" / "code.py").write_text(PACKAGE)
    create_package(tmp_path / "code", tmp_path / "package.tgz")
    net.api.set_active_package(str(tmp_path / "package.tgz"), "numpyhelper")
    net.add_client("package")

    net.api.start_session("packages", rounds=1, settings={"epochs": 3, "layers": [64, 32]})
    session = net.api.wait_session("packages", timeout=SECONDS)
    net.remove_client("package")

    assert session["status"] == "FINISHED", session["reason"]
    (validation,) = net.api.get_validations(session_id="packages")["result"]
    assert validation["metrics"] == {"epochs": 3, "layers": 2, "num_examples": 1}
