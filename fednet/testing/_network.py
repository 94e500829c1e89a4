"""A controller, combiners and clients in threads of this process, on free ports of the loopback interface."""

from __future__ import annotations

import contextlib
import importlib
import logging
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from fednet import limits
from fednet.api_client import APIClient
from fednet.environment import switch_off_grpc_fork_handlers
from fednet.errors import DeadlineExceeded, FednetError, InvalidInput, MissingExtra
from fednet.names import check_name
from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings
from fednet.storage import is_server
from fednet.testing._loop import LoopThread

if TYPE_CHECKING:
    from fednet.client.agent import Agent
    from fednet.client.runtime import PredictFunction, Runtime, TrainFunction, ValidateFunction
    from fednet.combiner.server import Combiner
    from fednet.controller.server import Controller

_log = logging.getLogger(__name__)
_OF_CALLERS = ("ca", "certificate", "certificate_key")


class Network:
    """A network that lives as long as a `with` block.

        with Network(combiners=2) as net:
            net.add_client("a", train=train, validate=validate)
            net.api.set_active_model("seed.npz")
            net.api.start_session(rounds=3)

    Args:
        combiners: The number of combiners to start.
        data_dir: The folder of all data; by default a temporary folder that is removed at the end.
        state_store: The URL of the state store; by default SQLite in the data folder.
        blob_store: The URL of the blob store; by default a folder in the data folder.
        tls: Speak TLS: `tls_certificate`, `tls_key`, and whatever else of `fednet.settings` all parts have in common
            (`ca`, `tls_client_ca`, `certificate`, `certificate_key`).

    Attributes:
        api: An APIClient of the network.
        api_url: The controller's address.
        token: The admin token.
        data_dir: The folder of all data.

    Raises:
        InvalidInput: The number of combiners is no such number.
    """

    api: APIClient
    api_url: str
    token: str
    data_dir: Path

    def __init__(
        self,
        combiners: int = 1,
        *,
        data_dir: Path | str | None = None,
        state_store: str | None = None,
        blob_store: str | None = None,
        tls: Mapping[str, Any] | None = None,
    ) -> None:
        switch_off_grpc_fork_handlers()
        if not isinstance(combiners, int) or combiners < 0:
            raise InvalidInput(
                f"Invalid number of combiners {combiners!r}: give 0 or more.", field="combiners"
            )
        self._combiner_count = combiners
        self._wanted_data_dir = data_dir
        self._state_store = state_store
        self._blob_store = blob_store
        self._tls = dict(tls or {})
        self._caller = {name: self._tls[name] for name in _OF_CALLERS if name in self._tls}
        self._cleanup = contextlib.ExitStack()
        self._combiners: dict[str, Combiner] = {}
        self._clients: dict[str, _RunningClient] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            self._start(started)
            self._cleanup = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def _start(self, started: contextlib.ExitStack) -> None:
        """Start all parts; they are stopped in the reverse order."""
        self.data_dir = Path(self._wanted_data_dir or _temporary_folder(started))
        settings = ControllerSettings(
            port=0,
            data_dir=self.data_dir,
            state_store=self._state_store,
            blob_store=self._blob_store,
            **self._tls,
        )
        controller: Controller = _server_of("controller").Controller.start(settings)
        started.callback(controller.stop)
        self._controller = controller
        self.api_url, self.token = controller.api_url, controller.token
        self.api = started.enter_context(APIClient(self.api_url, token=self.token, **self._caller))
        self._loop = LoopThread("combiners")
        started.callback(self._loop.close)
        started.callback(self._end_all, self._combiners, self.remove_combiner)
        started.callback(self._end_all, self._clients, self.remove_client)
        for number in range(1, self._combiner_count + 1):
            self.add_combiner(f"combiner-{number}")

    @staticmethod
    def _end_all(running: dict[str, Any], remove: Callable[[str], None]) -> None:
        for name in list(running):
            remove(name)

    def add_combiner(self, name: str, **settings: Any) -> str:
        """Start another combiner, and wait until the controller can place clients on it.

        Args:
            name: The name of the combiner.
            **settings: Further fields of `fednet.settings.CombinerSettings`.

        Returns:
            The address of the combiner, `host:port`.

        Raises:
            InvalidInput: The name or a setting is invalid.
        """
        check_name(name)
        configured = CombinerSettings(
            name=name,
            api_url=self.api_url,
            token=self.token,
            port=settings.pop("port", 0),
            data_dir=self.data_dir / name,
            blob_store=self._blob_store if is_server(self._blob_store) else None,
            **self._tls,
            **settings,
        )
        self._combiners[name] = self._loop.run(_server_of("combiner").Combiner.start(configured))
        self._wait_until_followed(name)
        return self._combiners[name].address

    def _wait_until_followed(self, combiner: str) -> None:
        """Wait for the controller's stream, unless the controller was stopped meanwhile.

        Raises:
            DeadlineExceeded: The controller cannot reach the combiner.
        """
        seconds = limits.start_seconds_max
        if not (
            self._controller.is_stopped
            or self._controller.presence.wait_for_combiner(combiner, seconds)
        ):
            raise DeadlineExceeded(
                f"The controller did not connect to the combiner {combiner!r} within {seconds:.0f} s."
            )

    def remove_combiner(self, name: str) -> None:
        """Stop a combiner, as if its process had ended; `add_combiner` resumes its work."""
        self._loop.run(self._combiners.pop(name).stop())

    def add_client(
        self,
        name: str,
        *,
        train: TrainFunction | None = None,
        validate: ValidateFunction | None = None,
        predict: PredictFunction | None = None,
        preferred_combiner: str | None = None,
        transfer: Literal["auto", "grpc", "object-store"] = "auto",
        sandbox: Literal["auto", "bwrap", "process", "none"] = "auto",
        data_folder: Path | None = None,
    ) -> None:
        """Start a client and wait until it is connected; without functions it works in package mode.

        Args:
            name: The name of the client.
            train: `train(parameters, settings) -> (parameters, {"num_examples": n})`.
            validate: `validate(parameters, settings) -> {"accuracy": …}`.
            predict: `predict(parameters, settings) -> {"labels": …}`.
            preferred_combiner: The name of the combiner for the client.
            transfer: The transfer of its files; see the client's settings.
            sandbox: The sandbox of a package; see the client's settings.
            data_folder: The data that a package may read; see the client's settings.

        Raises:
            FednetError: The network refuses the client.
        """
        from fednet.client.runtime import CallbackRuntime

        check_name(name)
        if name in self._clients:
            raise InvalidInput(
                f"The network already has a client {name!r}: choose another name.", field="name"
            )
        settings = ClientSettings(
            name=name,
            api_url=self.api_url,
            token=self.token,
            data_dir=self.data_dir / "clients",
            preferred_combiner=preferred_combiner,
            transfer=transfer,
            sandbox=sandbox,
            data_folder=data_folder,
            **self._caller,
            policy="any",
        )
        given = train or validate or predict
        runtime = CallbackRuntime(train, validate, predict) if given else None
        client = _RunningClient(settings, runtime)
        try:
            client_id = client.wait_until_ready()
            self._controller.presence.wait_for_client(client_id, limits.start_seconds_max)
        except BaseException:
            client.stop()
            raise
        self._clients[name] = client

    def remove_client(self, name: str) -> None:
        """Stop a client, as if its process had ended."""
        self._clients.pop(name).stop()


class _RunningClient:
    """An agent in a thread of its own."""

    def __init__(self, settings: ClientSettings, runtime: Runtime | None) -> None:
        from fednet.client.agent import Agent

        self._ready: Future[str] = Future()
        self._agent: Agent = Agent(settings, runtime, on_ready=self._on_ready)
        self._thread = threading.Thread(target=self._run, name=settings.name, daemon=True)
        self._thread.start()

    def _on_ready(self, place: dict[str, Any]) -> None:
        if not self._ready.done():
            self._ready.set_result(place["client_id"])

    def _run(self) -> None:
        try:
            self._agent.run()
        except FednetError as error:
            _log.warning("the client %s has ended: %s", self._thread.name, error)
            if not self._ready.done():
                self._ready.set_exception(error)

    def wait_until_ready(self) -> str:
        """Wait until a combiner has welcomed the client, and return its id."""
        try:
            return self._ready.result(limits.start_seconds_max)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"No combiner has welcomed the client {self._thread.name!r}."
            ) from error

    def stop(self) -> None:
        self._agent.stop()
        self._thread.join()


def _server_of(component: str) -> Any:
    """Return the server of a component; raise MissingExtra if its extra is not installed."""
    try:
        return importlib.import_module(f"fednet.{component}.server")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"A {component} needs {error.name}, which is not installed. Install it with: "
            f"pip install 'fednet[{component}]'"
        ) from error


def _temporary_folder(started: contextlib.ExitStack) -> str:
    return started.enter_context(tempfile.TemporaryDirectory(prefix="fednet-"))
