"""What authors of packages import: as FEDn's, with another name before it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from fednet.errors import InvalidInput, InvalidModel
from fednet.helpers import get_helper, load_metadata, save_metadata, save_metrics
from fednet.parameters import helper_names


@pytest.mark.parametrize("name", ["numpyhelper", "safetensors"])
def test_arrays_come_back_as_they_were(name, tmp_path):
    """Writable, and the caller's own."""
    arrays = [np.ones((2, 3), np.float32), np.arange(4)]
    helper = get_helper(name)

    path = helper.save(arrays, tmp_path / "model")
    found = helper.load(path)

    assert path == str(tmp_path / "model")
    assert all(np.array_equal(*pair) for pair in zip(found, arrays, strict=True))
    found[0] += 1


@pytest.mark.parametrize("name", ["binaryhelper", "androidhelper"])
def test_a_raw_model_is_one_vector(name, tmp_path):
    """A plain vector may be given as it is."""
    helper = get_helper(name)

    listed = helper.load(helper.save([np.ones(2), np.zeros(1)], tmp_path / "a"))
    plain = helper.load(helper.save(np.array([1.0, 1.0, 0.0]), tmp_path / "b"))

    assert [array.tolist() for array in listed] == [[1, 1, 0]]
    assert [array.tolist() for array in plain] == [[1, 1, 0]]


@pytest.mark.parametrize("name", helper_names())
def test_without_a_path_a_temporary_file_is_made(name, tmp_path, monkeypatch):
    """FEDn's packages rely on it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    path = get_helper(name).save([np.ones(3)])

    assert path.startswith(str(tmp_path))
    assert get_helper(name).load(path)[0].tolist() == [1, 1, 1]


def test_numpy_reads_what_numpyhelper_saves(tmp_path):
    """And the other way round: the files are FEDn's."""
    helper = get_helper("numpyhelper")
    helper.save([np.ones(2), np.zeros(1)], tmp_path / "a.npz")
    np.savez_compressed(tmp_path / "b.npz", **{"0": np.arange(3)})

    with np.load(tmp_path / "a.npz") as found:
        assert found.files == ["0", "1"]
    assert helper.load(tmp_path / "b.npz")[0].tolist() == [0, 1, 2]


def test_metadata_lies_beside_its_update(tmp_path):
    """NumPy's numbers become JSON's."""
    save_metadata({"num_examples": np.int64(3), "loss": np.float32(0.5)}, str(tmp_path / "u"))

    assert json.loads((tmp_path / "u-metadata").read_text()) == {"num_examples": 3, "loss": 0.5}
    assert load_metadata(tmp_path / "u") == {"num_examples": 3, "loss": 0.5}


def test_metrics_are_a_file_of_their_own(tmp_path):
    """At the path that validate was given."""
    save_metrics({"accuracy": 0.5}, str(tmp_path / "metrics.json"))

    assert json.loads((tmp_path / "metrics.json").read_text()) == {"accuracy": 0.5}


def test_unknown_helpers_and_wrong_files_are_named(tmp_path):
    """No module is ever looked for by the name."""
    (tmp_path / "m").write_bytes(b"x" * 100)

    with pytest.raises(InvalidInput, match="numpyhelper"):
        get_helper("torchhelper")
    with pytest.raises(InvalidModel):
        get_helper("numpyhelper").load(tmp_path / "m")


def test_importing_the_helpers_loads_nothing_heavy():
    """A task's process starts with it."""
    script = "import sys, fednet.helpers; print(*{'numpy', 'grpc', 'yaml'} & set(sys.modules))"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert done.stdout.strip() == b""


def test_the_documentation_names_every_helper(repository):
    """In the table of docs/packages.md, one line each, in the order of the code."""
    page = (repository / "docs" / "packages.md").read_text()

    _, _, table = page.partition("| helper | files |")
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)

    assert rows == helper_names()
