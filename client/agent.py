"""The client agent: takes tasks one at a time, runs them, and answers each exactly once.

connection's thread   puts messages of the combiner into the ledger
caller's thread       `work` takes tasks from the ledger and keeps answers there
deliveries' thread    `deliveries` brings answers from the ledger to the combiner
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fednet.collectors import metrics_page
from fednet.enrolment import ClientPlace
from fednet.errors import FailedPrecondition, FednetError, LimitExceeded
from fednet.log_context import logged_as
from fednet.monitoring import health_pages, monitored
from fednet.names import check_name
from fednet.packages import DeclaredSetting
from fednet.processes import FolderLock, forbid_tracing
from fednet.sandbox import Sandbox
from fednet.settings import ClientSettings
from fednet.traces import Traces

from .connection import Connection
from .deliveries import Deliveries
from .files import Files
from .ledger import Ledger
from .measures import ClientMetrics
from .notes import TaskNotes
from .policy.bell import Bell
from .policy.gate import Gate
from .runtime import Runtime
from .runtimes import Runtimes
from .sandboxes import sandbox_of
from .secure import SecureAggregation
from .task_traces import TaskTraces
from .tasks import Cancel, Receipt, Task, failure_of
from .transfer import Transfer
from .vault import Vault
from .warrants import Warrants
from .work import Work

_log = logging.getLogger(__name__)
_KINDS = frozenset({"TRAIN", "VALIDATE", "PREDICT"})


class Agent:
    """One client of a network.

    Its folder is locked from the construction until `run` has ended.

    Args:
        settings: The client's settings.
        runtime: Runs the tasks; None for package mode, in which the network's package runs them.
        on_ready: Called with {"name", "client_id", "combiner"} each time a combiner welcomes the client.
        takes: The settings of a session that the code of `runtime` takes; without a runtime the package declares them.

    Attributes:
        metrics: The client's metrics.

    Raises:
        InvalidInput: The name is invalid, the policy `signed` has no keys, or the file of known clients is damaged.
        FailedPrecondition: The client's folder cannot be used, or another agent uses it; or the sandbox or the data
            folder that the settings ask for cannot be used.
    """

    def __init__(
        self,
        settings: ClientSettings,
        runtime: Runtime | None = None,
        on_ready: Callable[[dict[str, Any]], None] = lambda _: None,
        takes: Mapping[str, DeclaredSetting] | None = None,
    ) -> None:
        check_name(settings.name)
        self._settings = settings
        self.metrics = ClientMetrics()
        self._on_ready = on_ready
        folder = settings.data_dir / settings.name
        # Functions of the user's own need no sandbox.
        sandbox = Sandbox() if runtime else sandbox_of(settings, folder / "models")
        self._lock = FolderLock(folder, "client")
        try:
            self._join_parts(folder, sandbox, runtime, takes or {})
        except BaseException:
            self._lock.release()
            raise

    def _join_parts(
        self,
        folder: Path,
        sandbox: Sandbox,
        runtime: Runtime | None,
        takes: Mapping[str, DeclaredSetting],
    ) -> None:
        settings, metrics = self._settings, self.metrics
        self._connected_mark = folder / "connected"  # a mark for supervisors of this process
        with _usable(folder):
            self._ledger = Ledger(folder / "answers")
            notes = TaskNotes(folder / "begun", self._ledger.is_closed)
            self._connected_mark.unlink(missing_ok=True)
        self._refusal: FednetError | None = None
        self._client_id = ""
        self._traces = TaskTraces(
            Traces(settings.traces_endpoint, "client", settings.name), lambda: self._client_id
        )
        self._connection = Connection(
            settings,
            runtime.kinds if runtime else _KINDS,
            needs_package=runtime is None,
            sandbox=None if runtime else sandbox.kind,
            on_connected=self._connected,
            on_disconnected=self._disconnected,
            on_message=self._message,
            on_refused=self._refused,
            on_retry=metrics.connection_retries.inc,
        )
        self._warrants = Warrants(lambda: self._connection.renewed_place().public_keys)
        transfer = Transfer(
            settings.transfer, settings.caller_tls, self._connection, self._report, metrics
        )
        self._files = Files(folder, transfer.download)
        self._runtimes = Runtimes(
            settings,
            sandbox,
            self._files,
            folder / "work",
            runtime,
            self._report,
            self._connection.tell_preparing,
        )
        own = None if runtime is None else takes
        self._gate = Gate(
            settings, folder, self._files, own, self._connection.tell_awaited, self._report
        )
        vault = Vault(folder / "secure", settings.known_clients)
        self._bell = Bell(folder, self._owner_has_decided)
        self._work = Work(
            folder,
            self._ledger,
            notes,
            self._warrants,
            self._files,
            self._gate,
            self._runtimes,
            SecureAggregation(vault, lambda: self._client_id),
            self._report,
            settings.report,
            metrics,
            self._traces,
        )
        self._deliveries = Deliveries(
            self._ledger,
            self._connection,
            transfer,
            self._report,
            settings.name,
            metrics,
            self._traces,
        )
        metrics.tasks_waiting.set_function(lambda: self._ledger.waiting)
        metrics.answers_kept.set_function(lambda: self._ledger.kept)

    def run(self) -> None:
        """Serve until `stop` or `drain` is called; tasks run in the calling thread.

        Raises:
            FednetError: The network refuses this client.
        """
        if not self._bell.hang():
            self._gate.tell_nothing()
        self._connection.start()
        self._deliveries.start()
        try:
            while task := self._ledger.next():
                with logged_as(client=self._client_id):
                    self._work.do(task)
            self._ledger.wait_until_delivered()
        finally:
            self.stop()
            self._bell.close()
            self._runtimes.close()
            self._connection.close()
            self._deliveries.close()
            self._traces.close()
            self._lock.release()
        if self._refusal:
            raise self._refusal

    def drain(self) -> None:
        """Make `run` return once the running task is done and its answer delivered; call it from any thread."""
        self._ledger.drain()

    def stop(self) -> None:
        """Make `run` return soon, and cancel the running task; call it from any thread."""
        self._ledger.close()
        self._runtimes.cancel()
        self._connection.stop()

    def unready(self) -> str:
        """Return the reason why the client takes no tasks now; "" if it takes them."""
        if self._ledger.is_ending():
            return "The client stops."
        return "" if self._ledger.is_connected() else "The client is not connected to a combiner."

    def wake(self) -> None:
        """Make the thread of `run` handle the signals that have come; call it from any other thread."""
        self._ledger.wake()

    def _owner_has_decided(self) -> None:
        """End code that the site's owner has revoked (in the bell's thread)."""
        if task := self._gate.look_again():
            self._runtimes.dismiss(task)

    # Messages of the combiner (in the connection's thread)

    def _connected(self, place: ClientPlace, stream: int) -> None:
        with contextlib.suppress(OSError):  # a full disk must not end the connection
            self._connected_mark.touch()
        self.metrics.connected.set(1)
        self.metrics.connections.inc()
        self._client_id = place.id
        self._warrants.trust(place)
        self._ledger.connected(place.combiner, stream)
        self._on_ready(
            {"name": self._settings.name, "client_id": place.id, "combiner": place.combiner}
        )

    def _disconnected(self) -> None:
        self.metrics.connected.set(0)
        self._ledger.disconnected()
        with contextlib.suppress(OSError):
            self._connected_mark.unlink(missing_ok=True)

    def _refused(self, problem: FednetError) -> None:
        self._refusal = problem
        self._ledger.close()

    def _message(self, message: Task | Cancel | Receipt) -> None:
        match message:
            case Task(id=task_id, session_id=session, round_number=number):
                with logged_as(session=session, round_number=number, task=task_id):
                    self._offered(message)
            case Cancel(task_id):
                with logged_as(task=task_id):
                    self._ledger.cancel(task_id)
                    self._runtimes.cancel(task_id)
            case Receipt(task_id):
                with logged_as(task=task_id):
                    self._receipted(message)

    def _offered(self, task: Task) -> None:
        try:
            self._ledger.offer(task)
        except LimitExceeded as error:
            self._connection.send_answer(failure_of(task.id, error))

    def _receipted(self, receipt: Receipt) -> None:
        if not receipt.accepted:
            _log.warning(
                "the answer to task %s does not count: %s", receipt.task_id, receipt.reason
            )
        self._ledger.receipted(receipt)

    def _report(self, text: str) -> None:
        """Write a line into the network's log; it is lost without a connection to a combiner."""
        self._connection.send_log(text, self._runtimes.task_id)


@contextlib.contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FailedPrecondition(
            f"Cannot use the client's folder {folder}: {error.strerror}. Choose another folder with "
            "--data-dir.",
            field="data_dir",
        ) from error


def serve(
    settings: ClientSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Run a client in package mode until `stop` is set and the running task has ended; set it before returning.

    Args:
        settings: The client's settings.
        on_ready: Called with {"name", "client_id", "combiner"} each time a combiner welcomes the client.
        stop: Set it from any thread to end.

    Raises:
        FednetError: The network refuses this client.
    """
    forbid_tracing()  # by packages, which run beside it
    agent = Agent(settings, on_ready=on_ready)
    ended = threading.Event()

    def stop_agent() -> None:
        stop.wait()
        agent.drain()
        ended.wait(settings.drain_seconds)
        agent.stop()

    stopper = threading.Thread(target=stop_agent, name="stop", daemon=True)
    stopper.start()
    pages = {
        **health_pages(agent.unready),
        "/metrics": lambda: metrics_page(agent.metrics.registry),
    }
    try:
        with monitored(settings.monitoring_host, settings.monitoring_port, pages):
            agent.run()
    finally:
        ended.set()
        stop.set()
        stopper.join()
