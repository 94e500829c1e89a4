"""The client agent: takes tasks one at a time, runs them, and sees to it that each is answered exactly once.

The network side runs in a thread (`connection`); the user's code runs in the thread that called `run`.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.enrolment import ClientPlace
from fednet.errors import FednetError, NotFound, TaskFailed
from fednet.packages import unpack_package
from fednet.rpc import download, upload
from fednet.settings import ClientSettings
from fednet.wire import common_pb2, tasks_pb2

from .connection import Connection
from .ledger import Ledger
from .runtime import PackageRuntime, Runtime

_log = logging.getLogger(__name__)


class Files:
    """The models and packages that this client holds, by digest; each is fetched once.

    Args:
        folder: Where they lie.
        fetch: Brings a blob to a path.
    """

    def __init__(self, folder: Path, fetch: Callable[[common_pb2.BlobRef, Path], None]) -> None:
        self._models = folder / "models"
        self._packages = folder / "packages"
        self._fetch = fetch
        for made in (self._models, self._packages):
            made.mkdir(parents=True, exist_ok=True)

    def model(self, ref: common_pb2.BlobRef) -> Path:
        """The model's file; the least recently used others make room."""
        path = self._models / f"{ref.sha256}.npz"
        if path.exists():
            path.touch()
            return path
        by_age = sorted(self._models.glob("*.npz"), key=lambda each: each.stat().st_mtime)
        for old in by_age[: -limits.client_models_max + 1 or None]:
            old.unlink()
        self._fetch(ref, path)
        return path

    def package(self, ref: common_pb2.BlobRef) -> tuple[Path, Any]:
        """The folder of the unpacked package, and its manifest."""
        archive = self._packages / f"{ref.sha256}.package"
        if not archive.exists():
            self._fetch(ref, archive)
        folder = self._packages / ref.sha256
        return folder, unpack_package(archive, folder)


class Agent:
    """One client of a network.

    Args:
        settings: The client's settings.
        runtime: What runs the tasks; None for package mode, in which the network's package does.
        on_ready: Called with {"name", "client_id", "combiner"} each time a combiner welcomes the client.
    """

    def __init__(
        self,
        settings: ClientSettings,
        runtime: Runtime | None = None,
        on_ready: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._on_ready = on_ready
        folder = settings.data_dir / settings.name
        self._ledger = Ledger(folder / "answers")
        self._files = Files(folder, self._download)
        self._runtimes = _Runtimes(settings, self._files, folder / "work", runtime)
        self._refusal: FednetError | None = None
        self._running: str | None = None
        self._connection = Connection(
            settings,
            self._hello(runtime),
            on_connected=self._connected,
            on_message=self._message,
            on_refused=self._refused,
        )

    def run(self) -> None:
        """Serve until `stop` is called; tasks run in the calling thread.

        Raises:
            FednetError: The network will not have this client.
        """
        self._connection.start()
        try:
            while task := self._ledger.next():
                self._serve(task)
        finally:
            self._connection.close()
            self._runtimes.close()
        if self._refusal:
            raise self._refusal

    def stop(self) -> None:
        """Let `run` come back soon; from any thread. A task that is running is broken off."""
        self._connection.stopping.set()
        self._ledger.close()
        self._runtimes.cancel()

    # What the combiner says (in the connection's thread)

    def _hello(self, runtime: Runtime | None) -> tasks_pb2.Hello:
        kinds = runtime.kinds if runtime else {"TRAIN", "VALIDATE"}
        return tasks_pb2.Hello(kinds=sorted(kinds), needs_package=runtime is None)

    def _connected(self, place: ClientPlace) -> None:
        for result in self._ledger.owed():
            self._connection.send(result=result)
        self._on_ready(
            {"name": self._settings.name, "client_id": place.id, "combiner": place.combiner}
        )

    def _refused(self, problem: FednetError) -> None:
        self._refusal = problem
        self._ledger.close()

    def _message(self, message: tasks_pb2.CombinerMessage) -> None:
        match message.WhichOneof("message"):
            case "task":
                if finished := self._ledger.offer(message.task):
                    self._connection.send(result=finished)
            case "cancel":
                self._cancel(message.cancel.task_id)
            case "receipt":
                self._receipted(message.receipt)

    def _cancel(self, task_id: str) -> None:
        self._ledger.cancel(task_id)
        if self._running == task_id:
            self._runtimes.cancel()

    def _receipted(self, receipt: tasks_pb2.ResultReceipt) -> None:
        if not receipt.accepted:
            _log.warning(
                "the answer to task %s does not count: %s", receipt.task_id, receipt.reason
            )
        self._ledger.settle(receipt.task_id)

    # Tasks (in the caller's thread)

    def _serve(self, task: tasks_pb2.Task) -> None:
        self._running = task.task_id
        try:
            result = self._answer(task)
        except TaskFailed as error:
            result = _failure(task, error.message, error.traceback)
        except (FednetError, OSError) as error:
            result = _failure(task, str(error))
        finally:
            self._running = None
        if self._connection.stopping.is_set():
            return
        if self._ledger.is_cancelled(task.task_id):
            self._ledger.settle(task.task_id)
            return
        self._ledger.finish(result)
        self._connection.send(result=result)

    def _answer(self, task: tasks_pb2.Task) -> tasks_pb2.TaskResult:
        began = time.monotonic()
        model = self._files.model(task.model)
        runtime = self._runtimes.for_task(task)
        settings = json.loads(task.settings_json or "{}")
        result = tasks_pb2.TaskResult(
            task_id=task.task_id, download_seconds=time.monotonic() - began
        )
        began = time.monotonic()
        if task.kind == tasks_pb2.VALIDATE:
            metrics = runtime.validate(model, settings)
            result.validation.metrics_json = json.dumps(metrics)
            result.work_seconds = time.monotonic() - began
        else:
            update = self._ledger.update_path(task.task_id)
            metadata = runtime.train(model, update, settings)
            result.work_seconds = time.monotonic() - began
            self._upload(task, update, result, metadata)
        return result

    def _upload(
        self,
        task: tasks_pb2.Task,
        update: Path,
        result: tasks_pb2.TaskResult,
        metadata: dict[str, Any],
    ) -> None:
        began = time.monotonic()
        try:
            upload(self._connection.models, update, task.task_id, stop=self._connection.stopping)
        except NotFound:
            self._ledger.cancel(task.task_id)
        result.update.num_examples = metadata.pop("num_examples")
        result.update.metadata_json = json.dumps(metadata)
        result.upload_seconds = time.monotonic() - began

    def _download(self, ref: common_pb2.BlobRef, path: Path) -> None:
        download(self._connection.models, ref, path, stop=self._connection.stopping)


class _Runtimes:
    """What runs the tasks: the runtime that was given, or one made for each package as it comes."""

    def __init__(
        self, settings: ClientSettings, files: Files, work: Path, given: Runtime | None
    ) -> None:
        self._settings = settings
        self._files = files
        self._work = work
        self._given = given
        self._made: Runtime | None = None
        self._made_for = ""

    def for_task(self, task: tasks_pb2.Task) -> Runtime:
        """The runtime that serves a task.

        Raises:
            TaskFailed: The client needs a package, and the session has none.
            InvalidPackage: The package cannot be used.
        """
        if self._given:
            return self._given
        if not task.HasField("package"):
            raise TaskFailed("The session has no compute package, and this client needs one.")
        if self._made is None or self._made_for != task.package.sha256:
            self.close()
            folder, manifest = self._files.package(task.package)
            shutil.rmtree(self._work, ignore_errors=True)
            self._work.mkdir(parents=True)
            self._made = PackageRuntime(
                folder, manifest, self._work, self._settings.task_seconds_max
            )
            self._made_for = task.package.sha256
        return self._made

    def cancel(self) -> None:
        if runtime := self._given or self._made:
            runtime.cancel()

    def close(self) -> None:
        if runtime := self._given or self._made:
            runtime.close()


def _failure(task: tasks_pb2.Task, message: str, traceback: str = "") -> tasks_pb2.TaskResult:
    failure = tasks_pb2.Failure(message=message, traceback=traceback)
    return tasks_pb2.TaskResult(task_id=task.task_id, failure=failure)


def serve(
    settings: ClientSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Run a client in package mode until `stop` is set.

    Args:
        settings: Its settings.
        on_ready: Called with {"name", "client_id", "combiner"} each time a combiner welcomes it.
        stop: Set it from any thread to end.

    Raises:
        FednetError: The network will not have this client.
    """
    agent = Agent(settings, on_ready=on_ready)

    def stop_agent() -> None:
        stop.wait()
        agent.stop()

    threading.Thread(target=stop_agent, name="stop", daemon=True).start()
    agent.run()
