"""Whole sessions in every format of model files, held against NumPy."""

import numpy as np
import pytest
import requests
from safetensors.numpy import load_file, save_file

from fednet.errors import AlreadyExists, InvalidInput
from fednet.packages import create_package
from fednet.parameters import model_format
from fednet.testing import Network

SECONDS = 200
RAW = {"binaryhelper": np.dtype("<f8"), "androidhelper": np.dtype("<f4")}
SEED = {
    "layer.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "layer.bias": np.array([0.5, -0.5, 0.25, 1.0]),
    "steps": np.array(3),
}
RULES = {
    "fedavg": {},
    "fedmedian": {},
    "fedopt": {"serveropt": "adam", "learning_rate": 0.25, "tau": 0.5},
}


class Site:
    """One client's code: it moves every number half the way towards its own."""

    def __init__(self, number):
        self.number = number
        self.shapes = set()

    def train(self, parameters, _settings):
        self.shapes.add(tuple(array.shape for array in parameters))
        moved = [array + (self.number - array) / 2 for array in parameters]
        return moved, {"num_examples": self.number}

    def validate(self, parameters, _settings):
        return {"arrays": len(parameters)}


@pytest.fixture
def network(new_network):
    """Return a function that makes a network of three sites, spread over its combiners."""

    def make(combiners=1):
        sites = [Site(number) for number in (1, 2, 4)]
        net = new_network(combiners, sites)
        net.sites = sites
        return net

    return make


@pytest.fixture
def seed(tmp_path):
    """Write the first model without fednet: with NumPy, or with the library of the format."""

    def write(helper):
        path = tmp_path / f"seed{model_format(helper).suffix}"
        if helper == "safetensors":
            save_file(SEED, path, {"format": "np"})
        elif helper in RAW:
            np.arange(10).astype(RAW[helper]).tofile(path)
        else:
            np.savez(path, **{str(place): array for place, array in enumerate(SEED.values())})
        return path

    return write


def read(path, helper):
    """Return the arrays of a model's file, read without fednet."""
    if helper == "safetensors":
        return list(load_file(path).values())  # in the order of the file
    if helper in RAW:
        return [np.fromfile(path, RAW[helper])]
    with np.load(path) as found:
        return [found[str(place)] for place in range(len(found.files))]


def expected(base, aggregator, rounds=2):
    """Return the models of the sites in float64, round by round, each in the dtypes of the first."""
    weights = np.array([1, 2, 4]) / 7
    model = list(base)
    moments = [(np.zeros(array.shape), np.full(array.shape, 0.25)) for array in base]
    for _ in range(rounds):
        for place, array in enumerate(model):
            updates = np.stack([array + (number - array) / 2 for number in (1, 2, 4)])
            mean = np.tensordot(weights, updates.astype(np.float64), 1)
            new = np.median(updates, axis=0) if aggregator == "fedmedian" else mean
            if aggregator == "fedopt" and array.dtype.kind == "f":
                m, v = moments[place]
                m = 0.9 * m + 0.1 * (mean - array)
                v = 0.99 * v + 0.01 * (mean - array) ** 2
                moments[place] = m, v
                new = array + 0.25 * m / (np.sqrt(v) + 0.5)
            rounded = np.rint(new) if array.dtype.kind == "i" else new
            model[place] = np.asarray(rounded).astype(array.dtype)
    return model


def run(net, **options):
    started = net.api.start_session(**({"rounds": 2, "min_clients": 3} | options))
    assert started["success"], started
    session = net.api.wait_session(started["session_id"], timeout=SECONDS)
    assert session["status"] == "FINISHED", session["reason"]
    return session


@pytest.mark.parametrize("helper", ["numpyhelper", *RAW, "safetensors"])
@pytest.mark.parametrize("combiners", [1, 3])
def test_every_format_goes_round_on_any_number_of_combiners(
    network, seed, tmp_path, helper, combiners
):
    """The results are NumPy's mean, median and Adam, in files that other programs read."""
    net = network(combiners)
    path, target = seed(helper), tmp_path / "final"
    for aggregator, settings in RULES.items():
        assert net.api.set_active_model(str(path), helper=helper)["success"]

        session = run(net, aggregator=aggregator, aggregator_kwargs=settings)

        net.api.download_model(session["model_id"], str(target))
        wanted = expected(read(path, helper), aggregator)
        for found, array in zip(read(target, helper), wanted, strict=True):
            assert (found.dtype, found.shape) == (array.dtype, array.shape)
            np.testing.assert_allclose(found, array, rtol=1e-6)
    [shapes] = net.sites[0].shapes
    assert shapes == tuple(array.shape for array in read(path, helper))


def test_a_safetensors_model_keeps_its_names(network, seed, tmp_path):
    """The names survive rounds in which clients see a list; every model of the trail says its format."""
    net = network()
    net.api.set_active_model(str(seed("safetensors")))

    session = run(net)

    net.api.download_model(session["model_id"], str(tmp_path / "final"))
    final = load_file(tmp_path / "final")
    assert {name: array.dtype for name, array in final.items()} == {
        name: array.dtype for name, array in SEED.items()
    }
    assert {each["helper"] for each in net.api.get_models()["result"]} == {"safetensors"}
    assert session["options"]["helper"] == "safetensors"


def post(net, path, method="POST", **said):
    headers = {"Authorization": f"Bearer {net.token}"}
    url = f"{net.api_url}/api/v1/{path}"
    return requests.request(method, url, headers=headers, timeout=SECONDS, **said).json()


def test_a_session_has_the_helper_of_its_model(network, seed):
    """A missing helper becomes the model's; any other is refused by name, also FEDn's explicit default."""
    net = network()
    net.api.set_active_model(str(seed("safetensors")))

    for helper in ("numpyhelper", "binaryhelper", "pickle"):
        refused = post(net, "sessions/", json={"helper": helper})
        assert (refused["success"], refused["field"]) == (False, "helper")
        assert "safetensors" in refused["message"]
    with pytest.raises(InvalidInput, match="safetensors"):
        net.api.start_session(helper="numpyhelper")
    assert net.api.get_sessions()["count"] == 0
    again = {"id": "one", "rounds": 1, "min_clients": 3}
    assert net.api.start_session(**again)["success"]
    assert net.api.start_session(**again)["success"]
    assert net.api.start_session(**again, helper="safetensors")["success"]
    with pytest.raises(AlreadyExists):
        net.api.start_session(**again, helper="numpyhelper")
    assert net.api.wait_session("one", timeout=SECONDS)["status"] == "FINISHED"


def test_a_package_of_another_helper_is_refused(tmp_path, seed):
    """The refusal spares clients commands that could not read the model."""
    (tmp_path / "package").mkdir()
    manifest = tmp_path / "package" / "fednet.yaml"
    manifest.write_text("entry_points: {train: {command: 'true'}}\n")
    create_package(tmp_path / "package", tmp_path / "package.tgz")
    with Network(data_dir=tmp_path / "network") as net:
        net.add_client("in-package-mode")
        net.api.set_active_package(str(tmp_path / "package.tgz"), "androidhelper")
        net.api.set_active_model(str(seed("safetensors")))

        refused = post(net, "sessions/", json={})

    assert (refused["code"], refused["field"]) == ("failed_precondition", "helper")
    assert "androidhelper" in refused["message"]
    assert "safetensors" in refused["message"]


PACKAGE = """
import json, sys
from fednet.helpers import get_helper, save_metadata
helper = get_helper("{helper}")
parameters = helper.load(sys.argv[1])
helper.save([array + 1 for array in parameters], sys.argv[2])
save_metadata({{"num_examples": 5}}, sys.argv[2])
"""
OBJECT = """
class Site:
    def train(self, parameters, settings):
        return [array + 1 for array in parameters], {"num_examples": 5}
"""


@pytest.mark.parametrize("helper", ["numpyhelper", *RAW, "safetensors"])
@pytest.mark.parametrize("kind", ["commands", "object"])
def test_packages_read_and_write_every_format(tmp_path, seed, helper, kind):
    """Commands use `get_helper`, and objects get arrays; bare numbers are in the format of the package's helper."""
    folder = tmp_path / "package"
    folder.mkdir()
    entry = "entry_points: {train: {command: python train.py}}" if kind == "commands" else ""
    (folder / "fednet.yaml").write_text(entry or "client: hospital:Site")
    (folder / "train.py").write_text(PACKAGE.format(helper=helper))
    (folder / "hospital.py").write_text(OBJECT)
    create_package(folder, tmp_path / "package.tgz")
    path = seed(helper)
    with Network(data_dir=tmp_path / "network") as net:
        net.add_client("in-package-mode")
        net.api.set_active_package(str(tmp_path / "package.tgz"), helper)
        assert net.api.set_active_model(str(path))["success"]

        session = run(net, rounds=1, min_clients=1, validate=False)
        net.api.download_model(session["model_id"], str(tmp_path / "final"))

    for found, array in zip(read(tmp_path / "final", helper), read(path, helper), strict=True):
        np.testing.assert_array_equal(found, array + 1)


@pytest.mark.parametrize("helper", ["binaryhelper", "safetensors"])
def test_a_wrong_update_is_refused_in_every_format(network, seed, helper):
    """An update of another length, or with numbers that are not finite, is refused; the others make the model."""
    net = network()
    wrong = {
        "longer": lambda arrays, _: ([np.zeros(11)] * len(arrays), {"num_examples": 1}),
        "infinite": lambda arrays, _: (
            [np.full(a.shape, np.inf) for a in arrays],
            {"num_examples": 1},
        ),
    }
    for name, train in wrong.items():
        net.add_client(name, train=train)
    net.api.set_active_model(str(seed(helper)), helper=helper)

    run(net, rounds=1, validate=False)

    [round_] = net.api.get_rounds()["result"]
    assert round_["updates"] == 3
    problems = dict(problem.split(": ", 1) for problem in round_["problems"])
    assert "has shape (11,), but in the global model" in problems["longer"]
    assert "holds NaN or infinite" in problems["infinite"]
