"""The runtime of the next task: its package's folder holds reviewed code, whatever earlier tasks have written there."""

import dataclasses
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from fednet.blob_ref import BlobRef
from fednet.client.files import Files
from fednet.client.runtimes import Runtimes
from fednet.client.tasks import Task
from fednet.digests import Algorithm, digest_of
from fednet.errors import TaskFailed
from fednet.packages import create_package
from fednet.parameters import write_model
from fednet.sandbox import Sandbox
from fednet.settings import ClientSettings

CHECK = """
import json, os, sys
import helper
seen = sorted(os.listdir())
open("data", "a").write("x")
open("own.py", "w").write("harm = 1")
open("__pycache__/helper.pyc", "w").write("harm")
json.dump({"seen": " ".join(seen), "prefix": sys.prefix}, open(sys.argv[2], "w"))
"""

MANIFEST = """
python_env: python_env.yaml
entry_points: {startup: {command: python startup.py}, validate: {command: python check.py}}
"""

FILES = {
    "fednet.yaml": MANIFEST,
    "python_env.yaml": "dependencies: []",
    "startup.py": "open('helper.py', 'w').write('made = 1')",
    "check.py": CHECK,
}

OWN = set(FILES)


@pytest.fixture
def task(tmp_path):
    """Return a task for a package that writes data and code into its own folder."""
    (tmp_path / "code").mkdir()
    for name, text in FILES.items():
        (tmp_path / "code" / name).write_text(text)
    create_package(tmp_path / "code", tmp_path / "package.tgz")
    content = (tmp_path / "package.tgz").read_bytes()
    package = BlobRef("PACKAGE", "p", digest_of(content, Algorithm.BLAKE3))
    return Task("t", "VALIDATE", package, package, 1, "numpyhelper", {}, None)


@pytest.fixture
def runtimes(tmp_path, monkeypatch):
    """Return the runtimes of a client that fetches the package from a folder."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    settings = ClientSettings(api_url="http://localhost", name="a", data_dir=tmp_path)
    files = Files(tmp_path / "a", lambda _, to: shutil.copy(tmp_path / "package.tgz", to))
    quiet = lambda _: None  # noqa: E731
    made = Runtimes(settings, Sandbox(), files, tmp_path / "a" / "work", None, quiet, quiet)
    yield made
    made.close()


@pytest.fixture
def validate(runtimes, task, tmp_path):
    """Return a function that runs the task and returns the files that its code has found, and its interpreter."""
    model = tmp_path / "model.npz"
    write_model(model, [np.zeros(3)])

    def validate():
        runtime = runtimes.for_task(task)
        runtimes.await_ready()
        found = runtime.validate(model, {})
        return set(found["seen"].split()), Path(found["prefix"])

    return validate


def test_data_of_a_task_stays_and_its_code_does_not(validate):
    """The code of startup stays, too: no session has a say in it."""
    first, _ = validate()
    second, _ = validate()

    assert first == OWN | {"helper.py", "__pycache__"}
    assert second == first | {"data"}


def test_a_lost_environment_is_built_from_fresh_files(validate):
    """Its build has a network; it finds nothing that tasks have written beside the site's data."""
    first, environment = validate()
    shutil.rmtree(environment)

    assert validate() == (first, environment)


def test_an_environment_that_is_lost_after_the_check_is_not_built(
    validate, runtimes, task, tmp_path
):
    """The folder has data of a task; the task fails, and the next one begins with fresh files."""
    first, environment = validate()
    runtime = runtimes.for_task(task)
    shutil.rmtree(environment)

    with pytest.raises(TaskFailed, match="fresh files only"):
        runtime.validate(tmp_path / "model.npz", {})

    assert validate() == (first, environment)


def test_a_cancel_before_the_code_has_begun_holds(runtimes, task, tmp_path):
    """It ends the wait for the preparation, and the task itself; the next task is another one."""
    write_model(tmp_path / "model.npz", [np.zeros(3)])
    with runtimes.running(task.id):
        runtime = runtimes.for_task(task)
        runtimes.cancel(task.id)
        with pytest.raises(TaskFailed, match="cancelled"):
            runtimes.await_ready()
        with pytest.raises(TaskFailed, match="cancelled"):
            runtime.validate(tmp_path / "model.npz", {})
    with runtimes.running("next"):
        again = runtimes.for_task(task)
        runtimes.await_ready()

        assert again.validate(tmp_path / "model.npz", {})


def test_a_dismissal_ends_neither_another_task_nor_another_package(runtimes, task, tmp_path):
    """They may have begun after the owner's decision, which they have seen."""
    write_model(tmp_path / "model.npz", [np.zeros(3)])
    another = BlobRef("PACKAGE", "q", digest_of(b"another", Algorithm.BLAKE3))
    with runtimes.running(task.id):
        runtime = runtimes.for_task(task)
        runtimes.dismiss(dataclasses.replace(task, id="earlier", package=another))
        runtimes.await_ready()
        result = runtime.validate(tmp_path / "model.npz", {})
    runtimes.dismiss(dataclasses.replace(task, id="earlier", package=another))

    assert result
    assert runtimes.for_task(task) is runtime


def test_a_dismissal_ends_the_package_of_its_task(runtimes, task):
    """At once if no task runs, else at the end of the task."""
    first = runtimes.for_task(task)
    runtimes.dismiss(task)
    with runtimes.running("later"):
        second = runtimes.for_task(task)
        runtimes.await_ready()
        runtimes.dismiss(task)
        runtimes.await_ready()

    assert second is not first
    assert runtimes.for_task(task) is not second
