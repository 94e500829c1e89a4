"""`fednet demo`, whole."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

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


@pytest.mark.timeout(600)
@pytest.mark.slow
@pytest.mark.parametrize("victim", ["controller", "combiner-2", "client-4"])
def test_a_process_that_is_killed_only_delays_the_demo(tmp_path, victim):
    """In the midst of a round, when clients have processes of their own for their tasks."""
    command = [sys.executable, "-P", "-m", "fednet", "demo", "--data-dir", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert any("round 2/10" in line for line in demo.stdout)
        killed = next(pid for pid in children_of(demo.pid) if victim in command_line(pid))
        os.kill(killed, signal.SIGKILL)
        shown, errors = demo.communicate()

    assert demo.returncode == 0, errors
    assert errors.startswith(f"{victim} was ended by signal 9 (Killed). It starts again in")
    assert shown.count("FINISHED") == 10
    assert all(ends(pid) for pid in all_processes() if str(tmp_path) in " ".join(command_line(pid)))


def ends(pid):
    """Whether a process is gone, or dying: what the killed one had begun is ended by its guard."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 5)[0])
    finally:
        os.close(descriptor)


def all_processes():
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def children_of(pid):
    return [each for each in all_processes() if parent_of(each) == pid]


def parent_of(pid):
    """The fourth field of its state (proc(5)); none for a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def command_line(pid):
    """The words of a process's command line; none for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []
