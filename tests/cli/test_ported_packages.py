"""Packages in the shapes of FEDn's examples: only their imports are changed, everything else is as it was there."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.parameters import load_parameters
from fednet.testing import Network

SECONDS_MAX = 200
CHANGES = {
    "fedn.utils.helpers.helpers": "fednet.helpers",
    "fedn.network.combiner.hooks.allowed_import": "fednet.server_functions",
}

MODEL = """import collections
import numpy as np
from fedn.utils.helpers.helpers import get_helper

HELPER_MODULE = "numpyhelper"
helper = get_helper(HELPER_MODULE)

def compile_model():
    return collections.OrderedDict(weight=np.zeros((2, 3), np.float32), bias=np.zeros(2, np.float32))

def save_parameters(model, out_path):
    helper.save([value for _, value in model.items()], out_path)

def load_parameters(model_path):
    model = compile_model()
    for name, array in zip(model.keys(), helper.load(model_path)):
        model[name] = array
    return model

def init_seed(out_path="seed.npz"):
    save_parameters(compile_model(), out_path)

if __name__ == "__main__":
    init_seed("../seed.npz")
"""
DATA = """import os
import numpy as np

dir_path = os.path.dirname(os.path.realpath(__file__))
abs_path = os.path.abspath(dir_path)

def load_data(data_path=None):
    data_path = data_path or os.environ.get("FEDN_DATA_PATH", abs_path + "/data/clients/1/part.npz")
    return np.load(data_path)["x"]

if __name__ == "__main__":
    if not os.path.exists(abs_path + "/data"):
        os.makedirs(abs_path + "/data/clients/1")
        np.savez(abs_path + "/data/clients/1/part.npz", x=np.ones((5, 3), np.float32))
"""
TRAIN = """import os, sys
from model import load_parameters, save_parameters
from data import load_data
from fedn.utils.helpers.helpers import save_metadata

sys.path.append(os.path.abspath(os.path.dirname(os.path.realpath(__file__))))

def train(in_model_path, out_model_path, data_path=None, batch_size=32, epochs=1, lr=1.0):
    x_train = load_data(data_path)
    model = load_parameters(in_model_path)
    model["weight"] = model["weight"] + lr * x_train.mean(axis=0)
    save_metadata({"num_examples": len(x_train), "batch_size": batch_size, "lr": lr}, out_model_path)
    save_parameters(model, out_model_path)

if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2])
"""
TRAIN_WITH_SETTINGS = """import sys
from model import load_parameters, save_parameters
from data import load_data
from fedn.utils.helpers.helpers import load_metadata, save_metadata

def train(in_model_path, out_model_path):
    settings = load_metadata(in_model_path)
    x_train, model = load_data(), load_parameters(in_model_path)
    model["weight"] = model["weight"] + settings["learning_rate"] * x_train.mean(axis=0)
    save_metadata({"num_examples": len(x_train)}, out_model_path)
    save_parameters(model, out_model_path)

if __name__ == "__main__":
    train(sys.argv[1], sys.argv[2])
"""
VALIDATE = """import sys
from model import load_parameters
from fedn.utils.helpers.helpers import save_metrics

def validate(in_model_path, out_json_path, data_path=None):
    model = load_parameters(in_model_path)
    save_metrics({"training_loss": float(model["weight"].mean()), "test_accuracy": 0.5}, out_json_path)

if __name__ == "__main__":
    validate(sys.argv[1], sys.argv[2])
"""
WRAPPED_CLIENT = """import numpy as np

class NumPyClient:
    def fit(self, parameters, config):
        return [parameters[0] + 1, parameters[1]], 5, {}
    def evaluate(self, parameters, config):
        return float(np.mean(parameters[0])), 5, {"accuracy": 0.5}

def client_fn():
    return NumPyClient()
"""
WRAPPED_ENTRY = """import sys
from flower_app import client_fn
from fedn.utils.helpers.helpers import get_helper, save_metadata, save_metrics

helper = get_helper("numpyhelper")
client = client_fn()

def train(in_model_path, out_model_path):
    parameters, num_examples, _ = client.fit(helper.load(in_model_path), {})
    helper.save(parameters, out_model_path)
    save_metadata({"num_examples": num_examples}, out_model_path)

def validate(in_model_path, out_json_path):
    loss, _, metrics = client.evaluate(helper.load(in_model_path), {})
    save_metrics({"val_loss": loss, **metrics}, out_json_path)

if __name__ == "__main__":
    {"train": train, "validate": validate}[sys.argv[1]](sys.argv[2], sys.argv[3])
"""
MANIFEST = """python_env: python_env.yaml
entry_points:
  build:
    command: python model.py
  startup:
    command: python data.py
  train:
    command: python train.py
  validate:
    command: python validate.py
"""
WRAPPED_MANIFEST = """entry_points:
  build:
    command: python model.py
  train:
    command: python entry.py train
  validate:
    command: python entry.py validate
"""
FUNCTIONS = """from fedn.network.combiner.hooks.allowed_import import Dict, List, ServerFunctionsBase, Tuple, np, random
from fedn.network.combiner.hooks.allowed_import import logger

class ServerFunctions(ServerFunctionsBase):
    def __init__(self) -> None:
        self.round = 0
        self.lr = 1.0

    def client_selection(self, client_ids: List[str]) -> List:
        self.round += 1
        return random.sample(client_ids, 1)

    def client_settings(self, global_model: List[np.ndarray]) -> dict:
        if self.round % 2 == 0:
            self.lr = self.lr * 0.5
        print(f"lr {self.lr}")
        return {"learning_rate": self.lr}

    def aggregate(
        self, previous_global: List[np.ndarray], client_updates: Dict[str, Tuple[List[np.ndarray], dict]]
    ) -> List[np.ndarray]:
        logger.info("aggregating")
        total = sum(metadata["num_examples"] for _, metadata in client_updates.values())
        mean = [np.zeros_like(array) for array in previous_global]
        for parameters, metadata in client_updates.values():
            mean = [m + array * metadata["num_examples"] / total for m, array in zip(mean, parameters)]
        return mean
"""
ENV = """name: mnist
build_dependencies:
  - pip
  - setuptools
dependencies: []
"""
COMMANDS = {"fedn.yaml": MANIFEST.partition("\n")[2], "train.py": TRAIN, "validate.py": VALIDATE}
SHAPES = {
    "mnist-pytorch": COMMANDS,
    "mnist-keras": {
        **COMMANDS,
        "train.py": TRAIN.replace("mean(axis=0)", "mean(axis=0).tolist()[0]"),
    },
    "server-functions": {**COMMANDS, "train.py": TRAIN_WITH_SETTINGS},
    "flower-client": {
        "fedn.yaml": WRAPPED_MANIFEST,
        "flower_app.py": WRAPPED_CLIENT,
        "entry.py": WRAPPED_ENTRY,
    },
}
AFTER_TWO_ROUNDS = {
    "mnist-pytorch": 2,
    "mnist-keras": 2,
    "server-functions": 1.5,
    "flower-client": 2,
}


def ported(text):
    """Return an author's changes: those of the imports."""
    for theirs, ours in CHANGES.items():
        text = text.replace(theirs, ours)
    return text


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that writes a project with the package's folder `client`, and goes there."""

    def write(shape):
        folder = tmp_path / "project"
        files = {"model.py": MODEL, "data.py": DATA, ".fednignore": "data\n*.md\n", **SHAPES[shape]}
        (folder / "client" / "data").mkdir(parents=True)
        (folder / "client" / "data" / "scans.npz").write_text("of the author")
        (folder / "client" / "notes.md").write_text("of the author")
        for name, text in files.items():
            (folder / "client" / name).write_text(ported(text))
        monkeypatch.chdir(folder)
        return folder

    return write


def fednet(*words):
    """Run a command that must succeed; return its answer."""
    result = CliRunner().invoke(main, [*words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_package_works_with_its_imports_changed(project, shape):
    """Build, package and session give the model that the package's code means; the author's data stays at home."""
    folder = project(shape)
    made = fednet("run", "build", "--path", "client")
    files = {each["path"] for each in fednet("package", "create", "--path", "client")["files"]}
    functions = ported(FUNCTIONS) if shape == "server-functions" else None

    with Network() as net:
        net.api.set_active_package("package.tgz", "numpyhelper")
        net.api.set_active_model("seed.npz")
        net.add_client("a")
        net.api.start_session("s", rounds=2, server_functions=functions)
        session = net.api.wait_session("s", timeout=SECONDS_MAX)
        net.api.download_model(session["model_id"], "model.npz")
        metrics = [each["metrics"] for each in net.api.get_validations()["result"]]

    assert [Path(each).resolve() for each in made["made"]] == [folder / "seed.npz"]
    assert files == {"model.py", "data.py", *SHAPES[shape]}
    assert session["status"] == "FINISHED", session["reason"]
    weight, bias = load_parameters(folder / "model.npz")
    assert np.all(weight == AFTER_TWO_ROUNDS[shape])
    assert np.all(bias == 0)
    assert len(metrics) == 2
