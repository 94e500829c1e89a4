"""The PyTorch example, run as its README says; collected only where PyTorch is installed."""

import re
import subprocess
import sys

import pytest

from fednet.client.runtime import package_runtime
from fednet.examples.digits import data
from fednet.packages import create_package, unpack_package
from fednet.parameters import open_model

SECONDS_MAX = 110


@pytest.fixture
def example(repository):
    """The example's folder."""
    return repository / "examples" / "digits-pytorch"


def run(*command, **options):
    return subprocess.run(
        [sys.executable, *command],
        check=True, capture_output=True, text=True, timeout=SECONDS_MAX, **options,
    )  # fmt: skip


def test_ten_rounds_reach_97_percent(example, tmp_path):
    """On digits that nobody trained on."""
    assert "python run.py\n" in (example / "README.md").read_text()

    done = run(str(example / "run.py"), cwd=tmp_path)

    accuracies = re.findall(r"^round +\d+: ([\d.]+)", done.stdout, re.MULTILINE)
    assert len(accuracies) == 10
    assert float(accuracies[-1]) >= 0.97


def test_the_package_trains_in_a_process_that_stays(example, tmp_path, monkeypatch):
    """As a site runs it; the update has the first model's structure."""
    monkeypatch.setenv("DIGITS_DATA", str(data.write(tmp_path / "data", 5)[0]))
    create_package(example / "client", tmp_path / "package.tgz")
    manifest = unpack_package(tmp_path / "package.tgz", tmp_path / "package")
    runtime = package_runtime(tmp_path / "package", manifest, tmp_path / "work", SECONDS_MAX)
    run("build.py", str(tmp_path / "seed.npz"), cwd=tmp_path / "package")

    runtime.train(tmp_path / "seed.npz", tmp_path / "update.npz", {})
    metrics = runtime.validate(tmp_path / "update.npz", {})
    runtime.close()

    assert metrics["accuracy"] > 0.3
    with open_model(tmp_path / "seed.npz") as seed, open_model(tmp_path / "update.npz") as update:
        assert seed.structure == update.structure
        assert seed.structure.size == 9930
