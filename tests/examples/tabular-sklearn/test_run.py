"""The hospitals' example, run as its README says."""

import re
import subprocess
import sys

import pytest

SECONDS_MAX = 110


@pytest.fixture(scope="module")
def printed(repository, tmp_path_factory):
    """What `python run.py` prints."""
    script = repository / "examples" / "tabular-sklearn" / "run.py"
    assert f"python {script.name}\n" in script.with_name("README.md").read_text()
    command = [sys.executable, str(script)]
    folder = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=SECONDS_MAX
    )
    return done.stdout


def accuracy(printed, words):
    return float(re.search(rf"{words}: +([\d.]+)", printed)[1])


def test_together_they_come_within_a_point_of_all_data_in_one_place(printed):
    """On patients whom nobody trained on."""
    together = accuracy(printed, "five hospitals together")
    pooled = accuracy(printed, "all data in one place")

    assert together >= pooled - 0.01
    assert together >= 0.95


def test_each_of_ten_rounds_is_shown(printed):
    """The first one brings the scale only."""
    assert len(re.findall(r"^round +\d+: ", printed, re.MULTILINE)) == 10
    assert accuracy(printed, "round  1") < accuracy(printed, "round 10")
