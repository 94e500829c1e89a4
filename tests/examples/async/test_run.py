"""The example of clients that do not wait for each other, run as its README says."""

import re
import subprocess
import sys

import numpy as np
import pytest

from fednet.client.runtime import package_runtime
from fednet.examples.digits import data
from fednet.packages import create_package, unpack_package
from fednet.parameters import open_model

SECONDS_MAX = 110


@pytest.fixture(scope="module")
def example(repository):
    return repository / "examples" / "async"


def run(*command, **options):
    return subprocess.run(
        [sys.executable, *command],
        check=True, capture_output=True, text=True, timeout=SECONDS_MAX, **options,
    )  # fmt: skip


def test_the_same_work_is_done_twice_as_soon_and_as_well(example, tmp_path):
    """One client in five is ten times slower: fedbuff does not wait for it, and loses no point."""
    assert "python run.py\n" in (example / "README.md").read_text()

    printed = run(str(example / "run.py"), cwd=tmp_path).stdout

    figures = re.findall(r"(\w+): +(\d+) updates in +([\d.]+) seconds, accuracy ([\d.]+)", printed)
    (waited, *fedavg), (buffered, *fedbuff) = figures
    assert (waited, buffered) == ("fedavg", "fedbuff")
    assert fedavg[0] == fedbuff[0]
    assert float(fedavg[1]) >= 2 * float(fedbuff[1])
    assert float(fedbuff[2]) >= float(fedavg[2]) - 0.01
    assert float(fedavg[2]) > 0.9


def test_the_package_trains_in_a_process_that_stays(example, tmp_path, monkeypatch):
    """As a site runs it; the update has the first model's structure and other numbers."""
    monkeypatch.setenv("DIGITS_DATA", str(data.write(tmp_path / "data", 5)[0]))
    create_package(example / "client", tmp_path / "package.tgz")
    manifest = unpack_package(tmp_path / "package.tgz", tmp_path / "package")
    runtime = package_runtime(tmp_path / "package", manifest, tmp_path / "work", SECONDS_MAX)
    run("build.py", str(tmp_path / "seed.npz"), cwd=tmp_path / "package")

    runtime.train(tmp_path / "seed.npz", tmp_path / "update.npz", {})
    metrics = runtime.validate(tmp_path / "update.npz", {})
    runtime.close()

    assert metrics["num_examples"] > 0
    with open_model(tmp_path / "seed.npz") as seed, open_model(tmp_path / "update.npz") as update:
        assert seed.structure == update.structure
        assert not np.array_equal(seed.arrays[0], update.arrays[0])
