"""A combiner process: registers with the controller, then serves gRPC until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc.aio

from fednet import limits
from fednet.addresses import is_wildcard, join_address
from fednet.clocks import clock_warning
from fednet.collectors import metrics_page
from fednet.enrolment import CombinerPlace
from fednet.errors import Unavailable
from fednet.http import Http
from fednet.monitoring import MonitoringServer, health_pages
from fednet.own_address import advertised_host
from fednet.processes import FolderLock, descriptors_for, forbid_tracing
from fednet.rpc import allow_forks, channel_options, server_credentials
from fednet.sandbox import SandboxKind, choose_sandbox
from fednet.settings import CombinerSettings
from fednet.storage import open_blobs
from fednet.tls import ServerFiles
from fednet.traces import Traces

from .daemons import in_daemon
from .engine.engine import Engine
from .engine.function_processes import Bounds
from .engine.spool import Spool
from .facades.wire.serving import WireHealth, gates, serve_wire
from .gatekeeper import Gatekeeper
from .machine.values import LogLevel, LogRecord
from .measures import CombinerMetrics
from .registration import Registration

_log = logging.getLogger(__name__)


@dataclass
class Combiner:
    """A combiner that runs in the current event loop.

    Attributes:
        name: Its name.
        address: Its address, `host:port`.
    """

    name: str
    address: str
    _server: grpc.aio.Server
    _gatekeeper: Gatekeeper
    _health: WireHealth
    _engine: Engine
    _kept: asyncio.Task[None]
    _renewed: asyncio.Task[None]
    _lock: FolderLock
    _traces: Traces
    _leaving: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls, settings: CombinerSettings, metrics: CombinerMetrics | None = None
    ) -> Combiner:
        """Bind the port, register, take up the phases in the spool, serve.

        Args:
            settings: The combiner's settings.
            metrics: Its metrics; by default some that nobody reads.

        Raises:
            FailedPrecondition: Another process has the data folder.
            Unavailable: The port is taken, or the controller does not answer.
            FednetError: The controller refuses the registration.
        """
        lock = FolderLock(settings.data_dir, "combiner")
        try:
            return await cls._start(settings, lock, metrics or CombinerMetrics())
        except BaseException:
            lock.release()
            raise

    @classmethod
    async def _start(
        cls, settings: CombinerSettings, lock: FolderLock, metrics: CombinerMetrics
    ) -> Combiner:
        traces = Traces(settings.traces_endpoint, "combiner", settings.name)
        sandbox = await asyncio.to_thread(_sandbox_of, settings)
        gatekeeper = Gatekeeper()
        allow_forks()
        server = grpc.aio.server(
            interceptors=gates(gatekeeper.read),
            options=[*channel_options(server=True), _connections_option(settings)],
        )
        port = _bind(server, settings)
        address = _advertised(settings, port)
        registration = Registration(settings, address, metrics)
        place = await registration.register()
        gatekeeper.admit(place.id, place.public_keys)
        controller = Http(
            settings.api_url,
            registration.token,
            tls=settings.caller_tls,
            on_retry=metrics.api_retries.inc,
        )
        store = await asyncio.to_thread(
            open_blobs, place.blob_store, controller, settings.caller_tls
        )
        spool = Spool(settings.data_dir / "spool")
        bounds = Bounds(
            settings.server_functions_seconds_max,
            settings.server_functions_memory_bytes_max,
            settings.server_functions,
            sandbox,
            (settings.data_dir,),
        )
        engine = Engine(
            settings.name,
            spool,
            store,
            settings.clients_max,
            settings.threads,
            settings.retained_bytes_max,
            bounds,
            retained_seconds_max=settings.retained_seconds_max,
            metrics=metrics,
            traces=traces,
        )
        await engine.recover()
        health = await serve_wire(server, engine.ports, gatekeeper)

        def admit(again: CombinerPlace) -> None:
            gatekeeper.admit(again.id, again.public_keys)
            _compare_clocks(again, engine)

        _compare_clocks(place, engine)
        kept = asyncio.create_task(registration.keep(engine.outbox.watched, admit))
        renewed = asyncio.create_task(registration.renew(gatekeeper.keys_changed, admit))
        combiner = cls(
            settings.name,
            address,
            server,
            gatekeeper,
            health,
            engine,
            kept,
            renewed,
            lock,
            traces,
        )
        kept.add_done_callback(combiner._lose_place)
        return combiner

    async def serve(self, stopped: asyncio.Future[Any]) -> None:
        """Wait until `stopped` is done.

        Raises:
            FednetError: The network does not have this combiner any more; its clients are sent away.
        """
        await asyncio.wait({stopped, self._kept}, return_when=asyncio.FIRST_COMPLETED)
        if self._kept.done():
            self._kept.result()

    async def drain(self, seconds: float) -> None:
        """Take no more clients, and hand those that are here over, for so long at most; 0 does nothing."""
        await self._health.set_stopping()
        if not seconds:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._engine.hand_over()

    def _lose_place(self, kept: asyncio.Task[None]) -> None:
        """End all streams of a combiner that the network does not have any more, so that its clients move."""
        if not kept.cancelled() and (error := kept.exception()):
            _log.error("the combiner has lost its place in the network: %s", error)
            self._gatekeeper.leave_network()
            self._leaving = asyncio.create_task(self._close_server())

    async def _close_server(self) -> None:
        """End the streams, which other ends expect to last, then give calls under way a moment."""
        self._gatekeeper.close()
        await self._server.stop(limits.stop_grace_seconds)

    async def stop(self) -> None:
        """Close all connections; the spool stays."""
        self._kept.cancel()
        self._renewed.cancel()
        await self._close_server()
        await self._engine.close()
        self._engine.local.store.close()
        await asyncio.to_thread(self._traces.close)
        self._lock.release()


def _connections_option(settings: CombinerSettings) -> tuple[str, int]:
    """Return gRPC's option for the number of connections: that of clients, and some for controllers and newcomers."""
    wanted = settings.clients_max + limits.spare_connections
    return "grpc.max_allowed_incoming_connections", descriptors_for(wanted, "clients_max")


def _compare_clocks(place: CombinerPlace, engine: Engine) -> None:
    """Log a clock that is wrong, here and in the network's log."""
    if warning := clock_warning(place.seconds_behind):
        _log.warning("%s", warning)
        engine.outbox.offer(LogRecord(warning, LogLevel.WARNING))


def _sandbox_of(settings: CombinerSettings) -> SandboxKind:
    """Return the sandbox of server functions, if they may run here at all."""
    if not settings.server_functions:
        return "none"
    return choose_sandbox(settings.sandbox, "server functions")


def _bind(server: grpc.aio.Server, settings: CombinerSettings) -> int:
    address, tls = join_address(settings.host, settings.port), settings.server_tls
    try:
        if tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, server_credentials(ServerFiles(tls)))
    except RuntimeError as error:
        raise Unavailable(
            f"The combiner cannot listen on {address}: is the port taken, or is the host not this machine's? "
            "Choose another port with --port, or 0 for a free one; or another --host.",
            field="port",
        ) from error


def _advertised(settings: CombinerSettings, port: int) -> str:
    """Return the address that clients and controllers are told; log it if no setting says it."""
    host = advertised_host(settings.host, settings.advertise_host, settings.api_url.split(","))
    address = join_address(host, settings.advertise_port or port)
    if is_wildcard(settings.host) and not settings.advertise_host:
        _log.info(
            "the combiner listens on all addresses of this machine; clients and controllers are told %s. "
            "Set --advertise-host for another host",
            address,
        )
    return address


def serve(
    settings: CombinerSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Run a combiner until `stop` is set.

    Args:
        settings: Its settings.
        on_ready: Called with {"name", "address"} once it answers.
        stop: Set it from any thread to end; set when this returns.

    Raises:
        FednetError: The combiner cannot start, or the network does not have it any more.
    """
    forbid_tracing()  # by server functions, which run beside it

    async def run() -> None:
        transfers = ThreadPoolExecutor(settings.transfer_threads, thread_name_prefix="transfers")
        asyncio.get_running_loop().set_default_executor(transfers)
        stopped = asyncio.create_task(in_daemon(stop.wait, "stop"))
        unready, metrics = Unready("The combiner has not registered yet."), CombinerMetrics()
        try:
            async with _monitored(settings, unready, metrics):
                if combiner := await _started(settings, stopped, metrics):
                    unready.reason = ""
                    on_ready(
                        {
                            "name": combiner.name,
                            "address": combiner.address,
                            "tls": settings.announces_tls,
                        }
                    )
                    try:
                        await combiner.serve(stopped)
                        unready.reason = "The combiner stops."
                        await combiner.drain(settings.drain_seconds)
                    finally:
                        await combiner.stop()
        finally:
            stop.set()
            await stopped
            await _calls_ended()

    asyncio.run(run())


@dataclass
class Unready:
    """The reason why a combiner takes no clients; "" if it takes them."""

    reason: str


@contextlib.asynccontextmanager
async def _monitored(
    settings: CombinerSettings, unready: Unready, metrics: CombinerMetrics
) -> AsyncIterator[None]:
    """Serve the monitoring pages in this loop, if there is a port for them: a loop that hangs is not live."""
    if settings.monitoring_port is None:
        yield
        return
    health = health_pages(lambda: unready.reason)
    pages = MonitoringServer({**health, "/metrics": lambda: metrics_page(metrics.registry)})
    await pages.start(settings.monitoring_host, settings.monitoring_port)
    try:
        yield
    finally:
        await pages.close()


async def _calls_ended() -> None:
    """Give calls that were cancelled a moment: the end of the loop would break them off, of which gRPC complains."""
    calls = asyncio.all_tasks() - {asyncio.current_task()}
    if calls:
        await asyncio.wait(calls, timeout=limits.stop_grace_seconds)


async def _started(
    settings: CombinerSettings, stopped: asyncio.Future[Any], metrics: CombinerMetrics
) -> Combiner | None:
    """Return a combiner that serves; None if `stopped` is done before, as while the controller is away."""
    starting = asyncio.create_task(Combiner.start(settings, metrics))
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        return starting.result()
    starting.cancel()
    await asyncio.wait({starting})
    return None
