"""A model file, and packages made of shell commands."""

import numpy as np
import pytest

from fednet.client.runtime import PackageRuntime
from fednet.packages import Manifest
from fednet.parameters import write_model


@pytest.fixture
def model(tmp_path):
    """Return a model file of two arrays."""
    path = tmp_path / "model.npz"
    write_model(path, [np.ones((2, 3), np.float32), np.zeros(3, np.float32)])
    return path


@pytest.fixture
def package(tmp_path):
    """Give a function that makes runtimes of packages whose entry points are the given shell commands."""
    made = []

    def make(seconds_max=30.0, **commands):
        folder = tmp_path / "package"
        folder.mkdir(exist_ok=True)
        manifest = Manifest(commands, None, ".")
        runtime = PackageRuntime(folder, manifest, tmp_path / "work", seconds_max)
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        runtime.close()
