"""The runtime of a package's object, which is loaded once and stays in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fednet.errors import TaskFailed
from fednet.host import check_metadata, check_metrics, check_predictions
from fednet.sandbox import Sandbox

from .host import Host
from .package import PackageRuntime

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fednet.packages import Manifest
    from fednet.sandbox import SharedFolder


class HostedRuntime(PackageRuntime):
    """The runtime of the object that a package's manifest names as its client.

    The object has some of `train(parameters, settings)`, `validate(parameters, settings)` and
    `predict(parameters, settings)`, with the contract of `CallbackRuntime`. A class is called once, without arguments.
    Interpreter, imports and data stay for later tasks; a task that crashes the process fails, and the next one gets a
    new process.

    Args:
        folder: See `PackageRuntime`, also for the other arguments.
        manifest: The package's manifest, from `unpack_package`; it names a client.
        work_dir: See `PackageRuntime`.
        task_seconds_max: The time limit of one task, including the start of the process.
        on_output: Called with each piece of the object's output during a task.
        environments: See `PackageRuntime`.
        report: See `PackageRuntime`.
        sandbox: See `PackageRuntime`; it shows the models of all tasks.
        is_unchanged: See `PackageRuntime`.
    """

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
        super().__init__(
            folder,
            manifest,
            work_dir,
            task_seconds_max,
            on_output,
            environments,
            report,
            sandbox,
            is_unchanged,
        )
        assert manifest.client is not None
        self.kinds = frozenset({"TRAIN", "VALIDATE", "PREDICT"})
        self._host = Host(
            manifest.client,
            self._folder,
            task_seconds_max,
            self._group,
            on_output,
            sandbox,
            self._box(self._work_dir),
        )

    def train(
        self, model: Path, update: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.train`."""
        with self._task(settings) as shared:
            written = str(shared.path / "update")
            answer = self._ask("train", shared, model, helper, update=written)
            metadata = check_metadata(answer.get("metadata"))
            try:
                shared.take("update", update)
            except FileNotFoundError as error:
                raise TaskFailed("The package's client did not return an update.") from error
        return metadata

    def validate(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.validate`."""
        with self._task(settings) as shared:
            return check_metrics(self._ask("validate", shared, model, helper).get("metrics"))

    def predict(
        self, model: Path, settings: dict[str, Any], helper: str = "numpyhelper"
    ) -> dict[str, Any]:
        """See `Runtime.predict`."""
        with self._task(settings) as shared:
            answer = self._ask("predict", shared, model, helper)
            return check_predictions(answer.get("predictions"))

    def close(self) -> None:
        """See `Runtime.close`."""
        self._host.end()
        super().close()

    def _ask(
        self, task: str, shared: SharedFolder, model: Path, helper: str, **more: str
    ) -> dict[str, Any]:
        request = {
            "task": task,
            "model": str(model.absolute()),
            "helper": helper,
            "settings": str(shared.path / "settings.json"),
            **more,
        }
        variables = self._variables(self._box(self._work_dir), shared.path)
        answer = self._host.ask(request, variables)
        self._check_environment()
        return answer

    def make_ready(self) -> None:
        """See `Runtime.make_ready`; a process of an earlier environment ends."""
        if not self.is_ready:
            self._host.end()
        super().make_ready()

    def begin_task(self) -> None:
        """See `Runtime.begin_task`; a process that a late cancel may still be killing ends."""
        if self._group.is_cancelled:
            self._host.end()
        super().begin_task()


def package_runtime(
    folder: Path,
    manifest: Manifest,
    work_dir: Path,
    task_seconds_max: float,
    on_output: Callable[[bytes], None] = lambda _: None,
    environments: Path | None = None,
    report: Callable[[str], None] = lambda _: None,
    sandbox: Sandbox = Sandbox(),  # noqa: B008  it is frozen
    is_unchanged: Callable[[], bool] = lambda: True,
) -> PackageRuntime:
    """Return the runtime for a package's manifest; the arguments are those of `PackageRuntime`.

    Raises:
        InvalidPackage: The package's python_env is invalid.
    """
    kind = HostedRuntime if manifest.client else PackageRuntime
    return kind(
        folder,
        manifest,
        work_dir,
        task_seconds_max,
        on_output,
        environments,
        report,
        sandbox,
        is_unchanged,
    )
