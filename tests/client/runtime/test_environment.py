"""The Python environment of a package: built once, whole or not used, by uv or by pip."""

import fcntl
import os
import shutil
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fednet import limits
from fednet.client.runtime import package_runtime
from fednet.client.runtime.build_environment import READY
from fednet.errors import InvalidPackage, TaskFailed
from fednet.packages import Manifest

WHICH = """python -c 'import sys, json
json.dump({"prefix": sys.prefix}, open(sys.argv[2], "w"))'"""


@pytest.fixture(params=["uv", "pip"])
def tool(request, tmp_path, monkeypatch):
    """Set the tool that builds the environment: uv on the PATH, or no uv there."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "sh", "sleep", *(["uv"] if request.param == "uv" else [])):
        (programs / name).symlink_to(shutil.which(name, path=search_path()))
    monkeypatch.setenv("PATH", str(programs))
    return request.param


def search_path():
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture
def with_uv(monkeypatch):
    """Choose uv, the quick tool, for tests that do not depend on the tool."""
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PATH", search_path())


@pytest.fixture
def reports():
    """Return the messages that people were told."""
    return []


@pytest.fixture
def package(tmp_path, reports):
    """Give a function that makes runtimes of packages with the given python_env."""
    made = []

    def make(env="dependencies: []", command=WHICH, seconds_max=100.0, client=None, report=None):
        folder = tmp_path / "package"
        folder.mkdir(exist_ok=True)
        (folder / "python_env.yaml").write_text(env)
        commands = {} if client else {"validate": command}
        manifest = Manifest(commands, "python_env.yaml", ".", client)
        runtime = package_runtime(
            folder,
            manifest,
            tmp_path / "work",
            seconds_max,
            environments=tmp_path / "environments",
            report=report or reports.append,
        )
        made.append(runtime)
        return runtime

    yield make
    for runtime in made:
        runtime.close()


@pytest.fixture
def wheel(tmp_path):
    """Return a tiny distribution in the package's folder."""
    return distribution(tmp_path / "package", "tiny", "tiny.py", "WORD = 'hello'\n")


@pytest.fixture
def numpy_wheel(tmp_path):
    """Return a distribution that lends an environment the NumPy of this one; nothing has to be fetched."""
    installed = Path(np.__file__).parents[1]
    return distribution(tmp_path / "package", "borrowed", "borrowed.pth", f"{installed}\n")


def distribution(folder, name, file, content):
    """Return a wheel of one file."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        file: content,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{file},,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


def environments(tmp_path):
    return [path for path in (tmp_path / "environments").iterdir() if path.is_dir()]


@pytest.mark.usefixtures("with_uv")
def test_code_runs_in_an_environment_of_its_own(package, model, tmp_path, reports):
    """People are told that the environment is built, by which tool, and when it is ready."""
    metrics = package().validate(model, {})

    assert metrics == {"prefix": str(environments(tmp_path)[0])}
    assert reports[0] == "python_env python_env: installing 0 requirements with uv."
    assert "is ready after" in reports[-1]


def test_requirements_are_installed_from_the_packages_folder(tool, package, model, wheel, reports):
    """Relative paths begin in the package's folder; the installer's steps and output are reported."""
    command = """python -c 'import sys, json, tiny
json.dump({"word": tiny.WORD}, open(sys.argv[2], "w"))'"""

    runtime = package(f"name: mine\ndependencies: [./{wheel.name}]", command)

    assert runtime.validate(model, {}) == {"word": "hello"}
    assert reports[0] == f"python_env mine: installing 1 requirements with {tool}."
    assert any(report.startswith("python_env mine: ") for report in reports[1:-1])
    assert tool == "uv" or "Successfully installed tiny-1.0" in reports[-1]


@pytest.mark.usefixtures("with_uv")
def test_fednets_helpers_are_found_in_it(package, model):
    """The environment finds fednet without an installation, and no other module of this process."""
    command = """python -c 'import sys, importlib.util
from fednet.helpers import save_metrics
save_metrics({"yaml": importlib.util.find_spec("yaml") is not None}, sys.argv[2])'"""

    assert package(command=command).validate(model, {}) == {"yaml": False}


CLIENT = """import sys
class Client:
    calls = 0
    def validate(self, parameters, settings):
        self.calls += 1
        return {"prefix": sys.prefix, "calls": self.calls, "sum": float(parameters[0].sum())}
"""


@pytest.mark.usefixtures("with_uv")
def test_an_object_lives_in_it(package, model, numpy_wheel, tmp_path):
    """The object lives in the environment's own interpreter, loaded once for all tasks."""
    runtime = package(f"dependencies: [./{numpy_wheel.name}]", client="model:Client")
    (tmp_path / "package" / "model.py").write_text(CLIENT)

    first, second = (runtime.validate(model, {}) for _ in range(2))

    assert first == {"prefix": str(environments(tmp_path)[0]), "calls": 1, "sum": 6.0}
    assert second["calls"] == 2


@pytest.mark.usefixtures("with_uv")
def test_an_object_without_numpy_in_its_environment_is_told_so(package, model):
    """The failure says that the process of a package's client reads model files with NumPy."""
    runtime = package(client="model:Client")

    with pytest.raises(TaskFailed, match="exit code 1") as caught:
        runtime.validate(model, {})

    assert "No module named 'numpy'" in caught.value.traceback


@pytest.mark.usefixtures("with_uv")
def test_a_requirement_that_cannot_be_had_fails_the_task(package, model, tmp_path):
    """The failure has the installer's words, and an incomplete environment is never used."""
    runtime = package("dependencies: [no-such-distribution-anywhere]")

    for _ in range(2):
        with pytest.raises(TaskFailed, match="python_env command failed") as caught:
            runtime.validate(model, {})

    assert "no-such-distribution-anywhere" in caught.value.traceback
    assert not (environments(tmp_path)[0] / READY).exists()


@pytest.mark.usefixtures("with_uv")
class TestOnce:
    """Equal requirements have one environment."""

    def test_equal_requirements_share_one(self, package, model, tmp_path, reports):
        """An environment is not built again for another package, or after a restart."""
        package().validate(model, {})
        count = len(reports)
        package("name: another").validate(model, {})

        assert len(environments(tmp_path)) == 1
        assert len(reports) == count

    def test_another_order_makes_another(self, package, model, tmp_path, wheel):
        """Another order of requirements is another environment, because their installation differs."""
        package().validate(model, {})
        package(f"dependencies: [./{wheel.name}]").validate(model, {})

        assert len(environments(tmp_path)) == 2

    def test_two_agents_build_it_once(self, package, model, tmp_path, wheel, reports):
        """The second waits for the first, and finds nothing to install."""
        runtimes = [package(f"dependencies: [./{wheel.name}]") for _ in range(2)]
        threads = [threading.Thread(target=each.validate, args=(model, {})) for each in runtimes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(environments(tmp_path)) == 1
        assert len([text for text in reports if ": Installed " in text]) == 1
        assert len([text for text in reports if "is ready" in text]) == 2

    def test_one_that_was_broken_off_is_built_anew(self, package, model, tmp_path):
        """An environment that was broken off is built anew, whatever lies in its place."""
        package().validate(model, {})
        folder = environments(tmp_path)[0]
        (folder / READY).unlink()
        shutil.rmtree(folder / "bin")

        assert package().validate(model, {}) == {"prefix": str(folder)}

    def test_closing_ends_the_build(self, package, model, tmp_path):
        """A build that waits for another agent's build ends at once; the task fails."""
        begun = threading.Event()
        runtime = package(report=lambda _: begun.set())
        closer = threading.Thread(target=lambda: begun.wait(200) and runtime.close())
        (tmp_path / "environments").mkdir()
        with (tmp_path / "environments" / "lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            closer.start()
            with pytest.raises(TaskFailed, match="cancelled"):
                runtime.validate(model, {})
        closer.join()

    @pytest.mark.parametrize("deleted", [".", "bin", "ready"])
    def test_one_that_is_deleted_under_a_runtime_is_built_anew(self, package, model, deleted):
        """The next task does not run in the interpreter of the agent."""
        runtime = package()
        prefix = runtime.validate(model, {})["prefix"]
        path = Path(prefix) / deleted
        path.unlink() if path.is_file() else shutil.rmtree(path)

        assert not runtime.is_ready
        assert runtime.validate(model, {}) == {"prefix": prefix}

    def test_a_task_during_which_it_is_deleted_fails(self, package, model):
        """Its result may come from another interpreter; the reason says so, and the next task has one again."""
        runtime = package(
            command=f'{WHICH} "$1" "$2"; [ -e once ] || rm -rf "$VIRTUAL_ENV"; touch once; :'
        )

        with pytest.raises(TaskFailed, match="python_env was deleted while its code ran"):
            runtime.validate(model, {})
        runtime.make_ready()

        assert runtime.is_ready

    def test_the_longest_unused_makes_room(self, package, model, tmp_path):
        """The longest unused environment is removed, but none that an agent works with, however old."""
        used = package()
        used.validate(model, {})
        in_use = environments(tmp_path)[0]
        os.utime(in_use / READY, (1, 1))
        for number in range(limits.client_environments_max):
            folder = tmp_path / "environments" / f"old-{number}"
            folder.mkdir()
            (folder / READY).touch()
            os.utime(folder / READY, (10 + number, 10 + number))

        package("dependencies: ['-r none.txt']", "true")
        (tmp_path / "package" / "none.txt").touch()
        package("dependencies: ['-r none.txt']").validate(model, {})

        left = {path.name for path in environments(tmp_path)}
        assert in_use.name in left
        assert "old-0" not in left

    def test_a_wrong_python_env_makes_no_runtime(self, package):
        """The error says what python_env must hold."""
        with pytest.raises(InvalidPackage, match="list of requirements"):
            package("dependencies: 3")

    @pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("pyvenv.cfg")])
    def test_one_whose_mark_is_no_file_is_built_anew(self, package, model, tmp_path, make):
        """A requirement could have left a pipe there, for which an agent would wait without end."""
        package().validate(model, {})
        folder = environments(tmp_path)[0]
        (folder / READY).unlink()
        make(folder / READY)

        assert package().validate(model, {}) == {"prefix": str(folder)}
        assert (folder / READY).lstat().st_size > 20
