"""Programs that were written for Xaynet's SDK; only their import line is another one.

They have the shape of the seven examples that Xaynet has published. `make test-xaynet` shows that they are programs for
its SDK.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_coordinator import SmallCoordinator, serving

NAMES = (
    "download_global_model",
    "download_global_model_async",
    "hello_world",
    "hello_world_async",
    "multiple_participants",
    "participate_in_update",
)
IMPORT, OURS = "import xaynet_sdk\n", "import fednet.client.participant as xaynet_sdk\n"
SECONDS_MAX = 120


@pytest.fixture
def program(repository, tmp_path):
    """Return a function that gives the folder of a program; its import line is replaced."""

    def copy(name):
        folder = tmp_path / name
        folder.mkdir()
        text = (repository / "tests" / "xaynet_sdk" / "programs" / f"{name}.py").read_text()
        assert text.count(IMPORT) == 1
        (folder / "program.py").write_text(text.replace(IMPORT, OURS))
        return folder

    return copy


def started(folder: Path, url: str) -> subprocess.Popen:
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "program.py", url], cwd=folder, stdout=log, stderr=log
        )


def test_programs_for_xaynets_sdk_run(program):
    """All together make models, write them, and end by Ctrl-C."""
    seeds = [number.to_bytes(32, "little") for number in range(100)]
    coordinator = SmallCoordinator(seeds)
    folders = {name: program(name) for name in NAMES}
    with serving(coordinator) as url:
        processes = {name: started(folder, url) for name, folder in folders.items()}
        coordinator.play_until(lambda: len(coordinator.models) == 2)
        for name in ("download_global_model", "download_global_model_async", "hello_world"):
            wait_for(folders[name] / "global_model.bin", processes[name])
        for process in processes.values():
            process.send_signal(signal.SIGINT)
        ends = {name: process.wait(SECONDS_MAX) for name, process in processes.items()}

    model = json.loads((folders["hello_world"] / "global_model.bin").read_text())
    assert ends == dict.fromkeys(NAMES, 0), {name: log_of(folders[name]) for name in NAMES}
    assert np.allclose(model, [0.25] * 4, rtol=0, atol=0.16)


def wait_for(file: Path, process: subprocess.Popen) -> None:
    for _ in range(1_000):
        if file.exists():
            return
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
    pytest.fail(f"{file} is not written")


def log_of(folder: Path) -> str:
    return (folder / "log").read_text()[-2_000:]


def test_a_program_goes_on_from_its_saved_state(program):
    """Its identity is the same in both runs."""
    folder = program("restore")
    coordinator = SmallCoordinator([bytes(32)])
    with serving(coordinator) as url:
        assert started(folder, url).wait(SECONDS_MAX) == 0, log_of(folder)
        shutil.copy(folder / "state.bin", folder / "first.bin")
        assert started(folder, url).wait(SECONDS_MAX) == 0, log_of(folder)

    first, second = (json.loads((folder / name).read_text()) for name in ("first.bin", "state.bin"))
    identity = slice(37 + 8, 37 + 8 + 32)
    assert first[identity] == second[identity]
