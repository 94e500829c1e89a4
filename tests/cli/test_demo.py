"""`fednet demo`, whole."""

import json
import subprocess
import sys

import numpy as np
import pytest


@pytest.mark.timeout(180)
def test_the_demo_trains_a_good_model(tmp_path):
    """Ten rounds over seven processes, and a model that reads digits."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "fednet", "demo", "--json", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert (outcome["rounds"], outcome["clients"], outcome["combiners"]) == (10, 5, 2)
    assert len(outcome["accuracy"]) == 10
    assert outcome["accuracy"][-1] >= 0.93
    assert outcome["model_path"] == str(tmp_path / "model.npz")
    with np.load(outcome["model_path"]) as model:
        assert sum(array.size for array in model.values()) >= 2_000
