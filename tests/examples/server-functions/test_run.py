"""The server functions' example, run as its README says."""

import re
import subprocess
import sys

import pytest

from fednet.server_functions import check_source

SECONDS_MAX = 110


@pytest.fixture
def example(repository):
    """The example's folder."""
    return repository / "examples" / "server-functions"


def test_the_functions_choose_cool_down_and_reach_95_percent(example, tmp_path):
    """On digits that nobody trained on; each client has trained about as often as the others."""
    assert "python run.py\n" in (example / "README.md").read_text()

    done = subprocess.run(
        [sys.executable, str(example / "run.py")],
        cwd=tmp_path, check=True, capture_output=True, text=True, timeout=SECONDS_MAX,
    )  # fmt: skip

    rates = [float(rate) for rate in re.findall(r"learning rate ([\d.]+)", done.stdout)]
    accuracies = re.findall(r"^round +\d+: ([\d.]+)$", done.stdout, re.MULTILINE)
    trained = re.findall(r"client-\d (\d+)", done.stdout)
    assert rates == pytest.approx([0.1 * (6 / 7) ** number for number in range(12)], abs=1e-4)
    assert len(accuracies) == 12
    assert float(accuracies[-1]) >= 0.95
    assert trained == ["8"] * 6


def test_the_file_is_what_the_command_takes(example):
    """With all three methods."""
    source = (example / "functions.py").read_text()

    assert "--server-functions functions.py" in (example / "README.md").read_text()
    assert len(check_source(source).methods) == 3
