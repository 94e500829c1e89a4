"""Whole sessions over models whose arrays have names."""

import numpy as np
import pytest

from fednet.packages import create_package
from fednet.parameters import model_format
from fednet.testing import Network

SECONDS = 200
MANIFEST = "entry_points:\n  train: {command: python train.py}\n"
TRAIN = """import json, sys
import numpy as np
with np.load(sys.argv[1]) as model:
    arrays = {name: model[name] + 1 for name in reversed(model.files)}
np.savez(sys.argv[2], **arrays)
json.dump({"num_examples": 1}, open(sys.argv[2] + "-metadata", "w"))
"""
MODEL = {
    "layer.10": np.zeros((2, 2), np.float32),
    "layer.2": np.zeros(4, np.float32),
    "b": np.zeros(1),
}


def train(parameters, _settings):
    return [array + 3 for array in parameters], {"num_examples": 1}


@pytest.mark.parametrize("helper", ["numpyhelper", "safetensors"])
def test_names_and_shapes_stay_together(tmp_path, helper):
    """Functions answer in the model's order, packages by its names in any order; both count."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "fednet.yaml").write_text(MANIFEST)
    load, save = "np.load(sys.argv[1])", "np.savez(sys.argv[2], **arrays)"
    text = TRAIN
    if helper == "safetensors":
        text = TRAIN.replace(
            "import numpy as np", "from safetensors.numpy import load_file, save_file"
        )
        text = text.replace(f"with {load} as model:\n    ", "model = load_file(sys.argv[1])\n")
        text = text.replace("reversed(model.files)", "reversed(list(model))")
        text = text.replace(save, "save_file(arrays, sys.argv[2])")
    (tmp_path / "code" / "train.py").write_text(text)
    create_package(tmp_path / "code", tmp_path / "package.tgz")
    with Network(data_dir=tmp_path / "network") as net:
        net.api.set_active_package(tmp_path / "package.tgz", helper)
        model_id = net.api.set_active_model(MODEL, helper=helper)["model_id"]
        net.add_client("function", train=train)
        net.add_client("package")

        net.api.start_session("s", rounds=2, min_clients=2, validate=False)
        session = net.api.wait_session("s", timeout=SECONDS)
        net.api.download_model(net.api.get_active_model()["id"], tmp_path / "last")

    assert session["status"] == "FINISHED", session["reason"]
    assert session["model_id"] != model_id
    with model_format(helper).open(tmp_path / "last") as found:
        arrays = {
            spec.name: array
            for spec, array in zip(found.structure.arrays, found.arrays, strict=True)
        }
        assert {name: array.shape for name, array in arrays.items()} == {
            name: array.shape for name, array in MODEL.items()
        }
        assert all(np.all(array == 4) for array in arrays.values())
        assert list(arrays) == list(MODEL)


LAYERS = {f"layer.{number}": np.full(2, number, np.float32) for number in (10, 2, 1)}
BY_NAME = """
from fednet.server_functions import ServerFunctionsBase


class ServerFunctions(ServerFunctionsBase):
    def client_settings(self, global_model):
        return {"names": list(global_model.names)}

    def aggregate(self, previous_global, client_updates):
        before = previous_global.as_dict()
        [(update, _)] = client_updates.values()
        made = {name: array + before[name] for name, array in update.as_dict().items()}
        return dict(reversed(list(made.items())))
"""


@pytest.mark.parametrize("helper", ["numpyhelper", "safetensors"])
def test_names_are_at_hand_for_functions_of_clients_and_servers(tmp_path, helper):
    """Both get a list with names, and may return a dict in any order."""
    given = []

    def train(parameters, settings):
        given.append((parameters.names, settings["names"]))
        arrays = parameters.as_dict()
        return {name: arrays[name] * 2 for name in sorted(arrays)}, {"num_examples": 1}

    with Network(data_dir=tmp_path / "network") as net:
        net.api.set_active_model(LAYERS, helper=helper)
        net.add_client("function", train=train)
        net.api.start_session("s", rounds=1, validate=False, server_functions=BY_NAME)
        session = net.api.wait_session("s", timeout=SECONDS)
        net.api.download_model(net.api.get_active_model()["id"], tmp_path / "last")

    assert session["status"] == "FINISHED", session["reason"]
    assert given == [(tuple(LAYERS), list(LAYERS))]
    made = model_format(helper).load(tmp_path / "last")
    assert made.names == tuple(LAYERS)
    assert [array.tolist() for array in made] == [[30, 30], [6, 6], [3, 3]]
