"""The client agent: takes tasks one at a time, runs them, and sees to it that each is answered exactly once.

The network side runs in a thread (`connection`); the user's code runs in the thread that called `run`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fednet import limits
from fednet.enrolment import ClientPlace, check_name
from fednet.errors import (
    FailedPrecondition,
    FednetError,
    LimitExceeded,
    NotFound,
    TaskFailed,
)
from fednet.parameters import model_format
from fednet.rpc import sendable
from fednet.settings import ClientSettings
from fednet.wire import common_pb2, tasks_pb2

from .connection import Connection
from .files import Files
from .ledger import Ledger
from .runtime import Runtime, package_runtime
from .transfer import Transfer

_log = logging.getLogger(__name__)


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
        check_name(settings.name)
        self._settings = settings
        self._on_ready = on_ready
        folder = settings.data_dir / settings.name
        self._connected_mark = folder / "connected"  # for those who watch over this process
        with _usable(folder):
            self._ledger = Ledger(folder / "answers")
            self._connected_mark.unlink(missing_ok=True)
        self._files = Files(folder, self._download)
        self._runtimes = _Runtimes(settings, self._files, folder / "work", runtime, self._report)
        self._refusal: FednetError | None = None
        self._connection = Connection(
            settings,
            _hello(runtime),
            on_connected=self._connected,
            on_disconnected=self._disconnected,
            on_message=self._message,
            on_refused=self._refused,
        )
        self._transfer = Transfer(settings.transfer, self._connection, self._report)

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
            self.stop()
            self._runtimes.close()
            self._connection.close()
        if self._refusal:
            raise self._refusal

    def stop(self) -> None:
        """Let `run` come back soon; from any thread. A task that is running is broken off."""
        self._ledger.close()
        self._runtimes.cancel()
        self._connection.stop()

    # What the combiner says (in the connection's thread)

    def _connected(self, place: ClientPlace) -> None:
        with contextlib.suppress(OSError):  # a full disk must not end the connection
            self._connected_mark.touch()
        for result in self._ledger.owed():
            self._connection.send(result=result)
        self._on_ready(
            {"name": self._settings.name, "client_id": place.id, "combiner": place.combiner}
        )

    def _disconnected(self) -> None:
        with contextlib.suppress(OSError):
            self._connected_mark.unlink(missing_ok=True)

    def _refused(self, problem: FednetError) -> None:
        self._refusal = problem
        self._ledger.close()

    def _message(self, message: tasks_pb2.CombinerMessage) -> None:
        match message.WhichOneof("message"):
            case "task":
                self._offered(message.task)
            case "cancel":
                self._ledger.forget(message.cancel.task_id)
                self._runtimes.cancel(message.cancel.task_id)
            case "receipt":
                self._receipted(message.receipt)

    def _offered(self, task: tasks_pb2.Task) -> None:
        try:
            answer = self._ledger.offer(task)
        except LimitExceeded as error:
            answer = _failure(task.task_id, error)
        if answer:
            self._connection.send(result=answer)

    def _report(self, text: str) -> None:
        """Tell the network's people what goes on here; it is lost where no combiner listens."""
        record = tasks_pb2.LogRecord(
            level=tasks_pb2.LogRecord.INFO,
            text=sendable(text)[-limits.traceback_characters_max :],
            task_id=self._runtimes.task_id,
        )
        self._connection.send(log=record)

    def _receipted(self, receipt: tasks_pb2.ResultReceipt) -> None:
        if not receipt.accepted:
            _log.warning(
                "the answer to task %s does not count: %s", receipt.task_id, receipt.reason
            )
        self._ledger.forget(receipt.task_id)

    # Tasks (in the caller's thread)

    def _serve(self, task: tasks_pb2.Task) -> None:
        """Work at a task, keep the answer, then deliver it; what is not wanted any more is left."""
        result = self._ledger.kept(task.task_id)
        if result is None:
            result = self._work(task)
            if not self._ledger.is_wanted() and not result.HasField("update"):
                return
            self._keep(result)
        if self._ledger.is_wanted():
            self._deliver(result)

    def _work(self, task: tasks_pb2.Task) -> tasks_pb2.TaskResult:
        """The answer to a task; whatever goes wrong is an answer too."""
        try:
            return self._answer(task)
        except (FednetError, OSError) as error:
            return _failure(task.task_id, error)
        except Exception as error:  # noqa: BLE001  the agent outlives whatever a task does
            _log.exception("the task %s failed in a way that nobody foresaw", task.task_id)
            return _failure(task.task_id, error, traceback.format_exc())

    def _answer(self, task: tasks_pb2.Task) -> tasks_pb2.TaskResult:
        began = time.monotonic()
        model = self._files.model(task.model, model_format(task.helper).suffix)
        runtime = self._runtimes.for_task(task)
        settings = _settings_of(task)
        ready = time.monotonic()
        with self._runtimes.running(task.task_id):
            if not self._ledger.is_wanted():
                raise TaskFailed("The task was cancelled.")
            result = self._run(runtime, task, model, settings)
        result.download_seconds = ready - began
        result.work_seconds = time.monotonic() - ready
        return result

    def _run(
        self, runtime: Runtime, task: tasks_pb2.Task, model: Path, settings: dict[str, Any]
    ) -> tasks_pb2.TaskResult:
        result = tasks_pb2.TaskResult(task_id=task.task_id)
        if task.kind == tasks_pb2.TRAIN:
            update = self._ledger.update_path(task.task_id)
            metadata = runtime.train(model, update, settings, task.helper)
            result.update.num_examples = metadata.pop("num_examples")
            result.update.metadata_json = json.dumps(metadata)
        elif task.kind == tasks_pb2.VALIDATE:
            metrics = runtime.validate(model, settings, task.helper)
            result.validation.metrics_json = json.dumps(metrics)
        elif task.kind == tasks_pb2.PREDICT:
            predictions = runtime.predict(model, settings, task.helper)
            result.prediction.result_json = json.dumps(predictions)
        else:
            raise TaskFailed(f"This client knows no tasks of kind {task.kind}.")
        return result

    def _keep(self, result: tasks_pb2.TaskResult) -> None:
        try:
            self._ledger.keep(result)
        except OSError as error:
            _log.warning("an answer cannot be kept, and is lost if the link breaks: %s", error)

    def _deliver(self, result: tasks_pb2.TaskResult) -> None:
        try:
            self._upload(result)
        except NotFound:
            self._ledger.forget(result.task_id)
            return
        except FednetError as error:
            if self._connection.stopping.is_set():
                return
            result = _failure(result.task_id, error)
            self._keep(result)
        self._ledger.delivered(result.task_id)
        self._connection.send(result=result)

    def _upload(self, result: tasks_pb2.TaskResult) -> None:
        if not result.HasField("update"):
            return
        began = time.monotonic()
        path = self._ledger.update_path(result.task_id)
        self._transfer.upload(path, result.task_id)
        result.upload_seconds = time.monotonic() - began

    def _download(self, ref: common_pb2.BlobRef, path: Path) -> None:
        self._transfer.download(ref, path)


class _Runtimes:
    """What runs the tasks: the runtime that was given, or one made for each package as it comes."""

    def __init__(
        self,
        settings: ClientSettings,
        files: Files,
        work: Path,
        given: Runtime | None,
        report: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._files = files
        self._work = work
        self._report = report
        self._runtime = given
        self._is_given = given is not None
        self._made_for = ""
        self._lock = threading.Lock()
        self._running: str | None = None

    def for_task(self, task: tasks_pb2.Task) -> Runtime:
        """The runtime that serves a task.

        Raises:
            TaskFailed: The client needs a package, and the session has none.
            InvalidPackage: The package cannot be used.
        """
        if self._runtime and (self._is_given or self._made_for == task.package.sha256):
            return self._runtime
        if not task.HasField("package"):
            raise TaskFailed("The session has no compute package, and this client needs one.")
        self.close()
        self._runtime = self._make(task.package)
        self._made_for = task.package.sha256
        return self._runtime

    def _make(self, package: common_pb2.BlobRef) -> Runtime:
        folder, manifest = self._files.package(package)
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir(parents=True)
        return package_runtime(
            folder,
            manifest,
            self._work,
            self._settings.task_seconds_max,
            # Of all clients with this data folder; no client's name begins with a dot.
            environments=self._settings.data_dir / ".environments",
            report=self._report,
        )

    @contextlib.contextmanager
    def running(self, task_id: str) -> Iterator[None]:
        """While the block lasts, `cancel` ends the task."""
        with self._lock:
            self._running = task_id
        try:
            yield
        finally:
            with self._lock:
                self._running = None

    @property
    def task_id(self) -> str:
        """The task that runs; empty where none does."""
        with self._lock:
            return self._running or ""

    def cancel(self, task_id: str | None = None) -> None:
        """End the task that runs, if it is this one, or whichever it is."""
        with self._lock:
            if self._runtime and self._running and task_id in {None, self._running}:
                self._runtime.cancel()

    def close(self) -> None:
        """End what runs; a package's runtime is given up."""
        with self._lock:
            closing, self._runtime = self._runtime, None
        if closing:
            closing.close()


@contextlib.contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FailedPrecondition(
            f"The client's folder {folder} cannot be used: {error.strerror}. Choose another with "
            "--data-dir.",
            field="data_dir",
        ) from error


def _hello(runtime: Runtime | None) -> tasks_pb2.Hello:
    kinds = runtime.kinds if runtime else {"TRAIN", "VALIDATE", "PREDICT"}
    return tasks_pb2.Hello(kinds=sorted(kinds), needs_package=runtime is None)


def _settings_of(task: tasks_pb2.Task) -> dict[str, Any]:
    try:
        settings = json.loads(task.settings_json or "{}")
    except (ValueError, RecursionError) as error:
        raise TaskFailed(f"The session's settings for clients are no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise TaskFailed("The session's settings for clients are no JSON object.")
    return settings


def _failure(task_id: str, error: Exception, traceback: str = "") -> tasks_pb2.TaskResult:
    failure = tasks_pb2.Failure(
        message=sendable(str(error) or repr(error))[: limits.text_characters_max],
        traceback=sendable(traceback or getattr(error, "traceback", ""))[
            -limits.traceback_characters_max :
        ],
    )
    return tasks_pb2.TaskResult(task_id=task_id, failure=failure)


def serve(
    settings: ClientSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Run a client in package mode until `stop` is set; it is set, too, when this returns.

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

    stopper = threading.Thread(target=stop_agent, name="stop", daemon=True)
    stopper.start()
    try:
        agent.run()
    finally:
        stop.set()
        stopper.join()
