"""`fednet model`, against a real network and on files."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from fednet.cli import main
from fednet.parameters import model_format


def inspect(path, *flags):
    return CliRunner().invoke(main, ["model", "inspect", str(path), *flags])


def test_the_trail_leads_from_the_oldest_model_to_the_active_one(fednet, net):
    """The seed and one model for each round; --limit counts from the newest."""
    trail = json.loads(fednet("model", "trail", "--json").stdout)
    last = json.loads(fednet("model", "trail", "--limit", "1", "--json").stdout)

    assert trail["count"] == 3
    assert trail["result"][-1]["id"] == net.api.get_active_model()["id"]
    assert last["result"] == trail["result"][-1:]
    assert len(fednet("model", "trail").stdout.splitlines()) == 4


def test_a_model_is_downloaded_to_where_it_is_wanted(fednet, tmp_path):
    """By default the active one."""
    path = tmp_path / "here.npz"

    result = fednet("model", "download", "--output", path)

    assert result.exit_code == 0, result.output
    with np.load(path) as arrays:
        assert arrays["0"].tolist() == [[2, 2, 2], [2, 2, 2]]


def test_a_model_that_does_not_exist_is_not_downloaded(fednet, tmp_path):
    """Exit code 3, and no file."""
    path = tmp_path / "here.npz"

    assert fednet("model", "download", "nothing", "--output", path).exit_code == 3
    assert not path.exists()


def test_a_model_is_uploaded_and_made_active(fednet, net, seed):
    """The command says its id."""
    answer = json.loads(fednet("model", "set-active", seed, "--json").stdout)

    assert net.api.get_active_model()["id"] == answer["model_id"]


def test_a_file_that_is_no_model_is_refused_by_the_network(fednet, tmp_path):
    """A usage error, in the server's words."""
    path = tmp_path / "model.npz"
    path.write_text("no model")

    result = fednet("model", "set-active", path)

    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")


def test_inspect_describes_a_file_without_a_network(seed):
    """Arrays, shapes, dtypes, parameters, bytes, finite or not: the same in both forms."""
    found = json.loads(inspect(seed, "--json").stdout)
    table = inspect(seed).stdout.splitlines()

    assert found["arrays"][0] == {
        "name": "0",
        "shape": [2, 3],
        "dtype": "float32",
        "parameters": 6,
        "bytes": 24,
        "finite": True,
    }
    assert (found["parameters"], found["bytes"], found["finite"]) == (10, 56, True)
    assert found["file_bytes"] == seed.stat().st_size
    assert table[1].split() == ["0", "[2,", "3]", "float32", "6", "24", "True"]
    assert "10 parameters" in table[-1]


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_inspect_says_which_array_is_not_finite(tmp_path, odd):
    """To look is no failure: the exit code is 0."""
    np.savez(tmp_path / "odd.npz", **{"0": np.zeros(2), "1": np.array([odd])})

    result = inspect(tmp_path / "odd.npz", "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [array["finite"] for array in found["arrays"]] == [True, False]
    assert found["finite"] is False


@pytest.fixture(params=["binaryhelper", "androidhelper", "safetensors"])
def other(request, tmp_path):
    """A file of another format, with the flags that it takes."""
    form = model_format(request.param)
    path = tmp_path / f"other{form.suffix}"
    form.write(path, [np.arange(4.0)])
    return path, ["--helper", form.name] if form.suffix == ".bin" else [], form


def test_inspect_reads_every_format(other):
    """Only of bare numbers it has to be told which."""
    path, flags, _ = other

    [array] = json.loads(inspect(path, "--json", *flags).stdout)["arrays"]

    assert (array["shape"], array["finite"]) == ([4], True)
    assert inspect(path, "--helper", "pickle").exit_code == 2


def test_a_model_of_every_format_is_set_and_downloaded(fednet, net, other, tmp_path, monkeypatch):
    """Under a name that ends as such files do."""
    path, flags, form = other
    monkeypatch.chdir(tmp_path)
    before = net.api.get_active_model()["id"]

    answer = json.loads(fednet("model", "set-active", path, *flags, "--json").stdout)
    down = fednet("model", "download", answer["model_id"])

    assert down.exit_code == 0, down.output
    assert (tmp_path / f"{answer['model_id']}{form.suffix}").read_bytes() == path.read_bytes()
    assert fednet("model", "set-active", path, "--helper", "numpyhelper").exit_code == 2
    fednet("model", "download", before, "-o", "before.npz")
    assert fednet("model", "set-active", "before.npz").exit_code == 0


def test_inspect_refuses_what_is_no_model(tmp_path):
    """Exit code 2."""
    (tmp_path / "model.npz").write_text("no model")

    assert inspect(tmp_path / "model.npz").exit_code == 2
