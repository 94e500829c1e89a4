"""The runtime of a package's commands, each in a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fednet import errors, limits
from fednet.errors import TaskFailed
from fednet.files import remove_tree
from fednet.helpers import save_metadata
from fednet.host import check_metadata, check_metrics, check_predictions
from fednet.json_values import parsed
from fednet.packages import read_python_env
from fednet.parameters import model_format
from fednet.processes import Group
from fednet.sandbox import Box, Sandbox, SharedFolder

from .commands import Commands
from .environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fednet.packages import Manifest

_SETTINGS = "settings.json"
_KINDS = {"train": "TRAIN", "validate": "VALIDATE", "predict": "PREDICT"}


class PackageRuntime:
    """The runtime of a package's entry points, which read and write files.

    `train <model> <update>` writes the update to its second argument and its metadata, JSON with
    num_examples, to that path with `-metadata` added. `validate <model> <metrics>` writes flat
    JSON, `predict <model> <predictions>` a JSON object. `startup` runs once, before the first task.
    The session's settings are in the JSON file that FEDNET_TASK_SETTINGS names, and at the path of the model
    with `-metadata` added. `python` is the
    interpreter of the package's python_env, if it has one, else that of this process; both
    find `fednet.helpers`.

    Args:
        folder: The folder of the unpacked package.
        manifest: The package's manifest, from `unpack_package`.
        work_dir: The folder of the tasks' files while they run. The caller clears it after a crash.
        task_seconds_max: The time limit of one command.
        on_output: Called with each piece of the commands' output when it arrives.
        environments: The folder of environments, each built once for all agents with this folder; by
            default a folder next to `work_dir`.
        report: Called with each message about a build.
        sandbox: Starts the commands; by default without limits.
        is_unchanged: Tells before a build if the folder is as it was unpacked; only then is it built.

    Raises:
        InvalidPackage: The package's python_env is invalid.
    """

    needs_package = True

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        work_dir: Path,
        task_seconds_max: float,
        on_output: Callable[[bytes], None] = lambda _: None,
        environments: Path | None = None,
        report: Callable[[str], None] = lambda _: None,
        sandbox: Sandbox = Sandbox(),  # noqa: B008  it is frozen
        is_unchanged: Callable[[], bool] = lambda: True,
    ) -> None:
        self._entry_points = manifest.entry_points
        self._work_dir = work_dir.absolute()
        # Beside the folder that the package may write, so that it can put no link in their place.
        self._library, build = (self._work_dir.with_name(name) for name in ("library", "build"))
        self._package = folder.absolute()
        self._folder = self._package / manifest.folder
        self._sandbox = sandbox
        self._group = Group()
        self._commands = Commands(self._folder, task_seconds_max, self._group, on_output, sandbox)
        self._preparing = Group()  # outlives the cancel of a task
        self._preparation = Commands(
            self._folder, task_seconds_max, self._preparing, on_output, sandbox
        )
        self._report = report
        self._environment: Environment | None = None
        if wanted := read_python_env(folder, manifest):
            self._environment = Environment(
                wanted,
                self._folder,
                environments or self._work_dir.with_name("environments"),
                task_seconds_max,
                self._preparing,
                report,
                sandbox,
                build,
                is_unchanged,
            )
        self._is_started = "startup" not in manifest.entry_points
        self.kinds = frozenset(
            kind for entry, kind in _KINDS.items() if entry in manifest.entry_points
        )

    @property
    def is_ready(self) -> bool:
        """See `Runtime.is_ready`; a deleted environment must be built again."""
        return self._is_started and (self._environment is None or self._environment.is_whole)

    def make_ready(self) -> None:
        """See `Runtime.make_ready`: build the environment, then run `startup`; each is done once."""
        if self._environment and not self._environment.is_whole:
            self._is_started = "startup" not in self._entry_points
            self._environment.prepare()
        if not self._is_started:
            with self._folder_of_task({}) as shared:
                self._report("The startup command is running.")
                self._run("startup", shared.path, commands=self._preparation)
            self._is_started = True

    def train(
        self, model: Path, update: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.train`."""
        # The name has the suffix because numpy.savez adds .npz to names without it.
        name = f"update{model_format(helper).suffix}"
        with self._task(settings) as shared:
            printed = self._run_with("train", shared, model, settings, name)
            with _written("train", "its update to its second argument", printed), shared.open(name):
                metadata = _read_json("train", shared, f"{name}-metadata", printed)
                checked = check_metadata(metadata)
                shared.take(name, update)
        return checked

    def validate(
        self,
        model: Path,
        settings: dict[str, Any],
        helper: str = "numpyhelper",  # noqa: ARG002  the package knows its format
    ) -> dict[str, Any]:
        """See `Runtime.validate`."""
        return check_metrics(self._reported("validate", model, settings, "metrics.json"))

    def predict(
        self,
        model: Path,
        settings: dict[str, Any],
        helper: str = "numpyhelper",  # noqa: ARG002  the package knows its format
    ) -> dict[str, Any]:
        """See `Runtime.predict`."""
        return check_predictions(self._reported("predict", model, settings, "predictions.json"))

    def prepare(self, name: str) -> None:
        """Run an entry point without files: build or startup.

        Raises:
            TaskFailed: The entry point does not exist, or failed.
        """
        if self._environment:
            self._environment.prepare()
        with self._folder_of_task({}) as shared:
            self._run(name, shared.path)

    def begin_task(self) -> None:
        """See `Runtime.begin_task`."""
        self._group.begin_task()

    def cancel(self) -> None:
        """See `Runtime.cancel`: kill the command with its process group."""
        self._group.cancel()

    def close(self) -> None:
        """See `Runtime.close`."""
        self._group.cancel()
        self._preparing.cancel()
        if self._environment:
            self._environment.close()

    def _reported(self, name: str, model: Path, settings: dict[str, Any], file_name: str) -> Any:
        """Run an entry point that takes a model; return the JSON that it wrote to its second argument."""
        with self._task(settings) as shared:
            printed = self._run_with(name, shared, model, settings, file_name)
            return _read_json(name, shared, file_name, printed)

    @contextmanager
    def _task(self, settings: dict[str, Any]) -> Iterator[SharedFolder]:
        """Make ready if that was not done, then give the folder of a task."""
        self.make_ready()
        with self._folder_of_task(settings) as shared:
            yield shared

    @contextmanager
    def _folder_of_task(self, settings: dict[str, Any]) -> Iterator[SharedFolder]:
        """Give a folder with the settings of a task; it is deleted at the end."""
        try:
            self._work_dir.mkdir(parents=True, exist_ok=True)
            path = Path(tempfile.mkdtemp(prefix="task-", dir=self._work_dir))
            try:
                with SharedFolder(path) as shared:
                    shared.write(_SETTINGS, json.dumps(settings))
                    yield shared
            finally:
                remove_tree(path, ignore_errors=True)
        except OSError as error:
            raise TaskFailed(f"Cannot read or write the task's files: {error}") from error

    def _run_with(
        self, name: str, shared: SharedFolder, model: Path, settings: dict[str, Any], file_name: str
    ) -> str:
        """Run an entry point with a model and the path of a file that it writes; return what it has printed."""
        given = _given(model, settings, shared.path)
        return self._run(
            name, shared.path, given, shared.path / file_name, readable=(model.absolute(),)
        )

    def _run(
        self,
        name: str,
        task_dir: Path,
        *files: Path,
        readable: tuple[Path, ...] = (),
        commands: Commands | None = None,
    ) -> str:
        if name not in self._entry_points:
            raise TaskFailed(f"The package has no entry point {name}: add it to its manifest.")
        arguments = shlex.join(str(file.absolute()) for file in files)
        command = f"{self._entry_points[name]} {arguments}"
        box = self._box(task_dir, readable)
        variables = self._variables(box, task_dir)
        printed = (commands or self._commands).run(name, command, variables, box)
        self._check_environment()
        return printed

    def _box(self, temporary: Path, readable: tuple[Path, ...] = ()) -> Box:
        """Return the box of the package's code."""
        if self._environment:
            readable = (*readable, self._environment.folder, self._library)
        return Box((self._work_dir, self._package), temporary, readable)

    def _check_environment(self) -> None:
        """Refuse a result that may come from another interpreter than that of the environment."""
        if self._environment and not self._environment.is_whole:
            raise TaskFailed(
                "The package's python_env was deleted while its code ran: the next task builds it again."
            )

    def _variables(self, box: Box, task_dir: Path) -> dict[str, str]:
        """Return the environment variables of a task's code."""
        variables = self._sandbox.environment(box)
        programs = Path(sys.executable).parent
        if self._environment:
            programs = self._environment.folder / "bin"
            variables["VIRTUAL_ENV"] = str(self._environment.folder)
            self._link_library()
            variables["PYTHONPATH"] = _path(self._library, variables.get("PYTHONPATH"))
        return variables | {
            "PATH": _path(programs, variables.get("PATH", os.defpath)),
            "FEDNET_TASK_SETTINGS": str(task_dir / _SETTINGS),
        }

    def _link_library(self) -> None:
        """Give the environment a folder with fednet alone, so that it sees no other module of this process."""
        self._library.mkdir(parents=True, exist_ok=True)
        link, target = self._library / "fednet", Path(errors.__file__).parent
        if link.is_symlink() and link.readlink() != target:
            link.unlink()
        with suppress(FileExistsError):
            link.symlink_to(target)


def _given(model: Path, settings: dict[str, Any], task_dir: Path) -> Path:
    """Return a path of the model in the task's folder, with the settings in a file beside it."""
    given = task_dir / f"model{model.suffix}"
    given.symlink_to(model.absolute())
    save_metadata(settings, given)
    return given


def _path(first: Path, rest: str | None) -> str:
    return os.pathsep.join([str(first), rest] if rest else [str(first)])


def _read_json(name: str, shared: SharedFolder, file_name: str, printed: str) -> Any:
    with _written(name, f"JSON to the file {file_name}", printed), shared.open(file_name) as file:
        content = file.read(limits.json_bytes_max + 1)
    if len(content) > limits.json_bytes_max:
        raise TaskFailed(
            f"The package's {name} command wrote more than {limits.json_bytes_max} bytes of JSON.",
            traceback=printed,
        )
    try:
        return parsed(content)
    except (ValueError, RecursionError) as error:
        raise TaskFailed(
            f"The package's {name} command wrote invalid JSON to {file_name}: {error}",
            traceback=printed,
        ) from error


@contextmanager
def _written(name: str, what: str, printed: str) -> Iterator[None]:
    """Fail the task if the block does not find the file of a command."""
    try:
        yield
    except FileNotFoundError as error:
        raise TaskFailed(
            f"The package's {name} command succeeded, but did not write {what}.", traceback=printed
        ) from error
