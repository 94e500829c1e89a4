"""A controller, combiners and clients in threads of this process, on free ports of the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fednet import limits
from fednet.api_client import APIClient
from fednet.errors import FednetError, InvalidInput
from fednet.settings import ClientSettings, CombinerSettings, ControllerSettings

if TYPE_CHECKING:
    from fednet.client.agent import Agent
    from fednet.client.runtime import Runtime, TrainFunction, ValidateFunction
    from fednet.combiner.server import Combiner
    from fednet.controller.server import Controller

T = TypeVar("T")


class Network:
    """A network that lives as long as a `with` block.

        with Network(combiners=2) as net:
            net.add_client("a", train=train, validate=validate)
            net.api.set_active_model("seed.npz")
            net.api.start_session(rounds=3)

    Args:
        combiners: How many combiners to start.
        data_dir: Where everything is kept; by default a temporary folder that is removed at the end.
        state_store: The URL of the state store; by default SQLite in the data folder.
        blob_store: The URL of the blob store; by default a folder in the data folder.

    Attributes:
        api: An APIClient of the network.
        api_url: The controller's address.
        token: The admin token.
        data_dir: Where everything is kept.
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
    ) -> None:
        self._combiner_count = combiners
        self._wanted_data_dir = data_dir
        self._state_store = state_store
        self._blob_store = blob_store
        self._cleanup = contextlib.ExitStack()
        self._controller: Controller | None = None
        self._combiners: dict[str, Combiner] = {}
        self._clients: dict[str, _RunningClient] = {}
        self._loop = _LoopThread()

    def __enter__(self) -> Self:
        from fednet.controller.server import Controller

        self.data_dir = Path(self._wanted_data_dir or self._temporary_folder())
        settings = ControllerSettings(
            port=0,
            data_dir=self.data_dir,
            state_store=self._state_store,
            blob_store=self._blob_store,
        )
        self._controller = Controller.start(settings)
        self.api_url, self.token = self._controller.api_url, self._controller.token
        self.api = APIClient(self.api_url, token=self.token)
        try:
            for number in range(1, self._combiner_count + 1):
                self.add_combiner(f"combiner-{number}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.stop()
        for combiner in self._combiners.values():
            self._loop.run(combiner.stop())
        self._loop.close()
        if self._controller:
            self._controller.stop()
        self._cleanup.close()

    def _temporary_folder(self) -> str:
        return self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="fednet-"))

    def add_combiner(self, name: str) -> str:
        """Start one more combiner; its address, `host:port`."""
        from fednet.combiner.server import Combiner

        settings = CombinerSettings(
            name=name,
            api_url=self.api_url,
            token=self.token,
            port=0,
            data_dir=self.data_dir / name,
            blob_store=self._blob_store,
        )
        self._combiners[name] = self._loop.run(Combiner.start(settings))
        return self._combiners[name].address

    def add_client(
        self,
        name: str,
        *,
        train: TrainFunction | None = None,
        validate: ValidateFunction | None = None,
        preferred_combiner: str | None = None,
    ) -> None:
        """Start a client and wait until it is connected; without functions it works in package mode.

        Args:
            name: Its name.
            train: `train(parameters, settings) -> (parameters, {"num_examples": n})`.
            validate: `validate(parameters, settings) -> {"accuracy": …}`.
            preferred_combiner: The name of the combiner to be placed on.

        Raises:
            FednetError: The network will not have it.
        """
        from fednet.client.runtime import CallbackRuntime

        if name in self._clients:
            raise InvalidInput(f"There is a client {name!r} already.", field="name")
        settings = ClientSettings(
            name=name,
            api_url=self.api_url,
            token=self.token,
            data_dir=self.data_dir / "clients",
            preferred_combiner=preferred_combiner,
        )
        runtime = CallbackRuntime(train, validate) if train or validate else None
        self._clients[name] = _RunningClient(settings, runtime)
        self._clients[name].wait_until_ready()

    def remove_client(self, name: str) -> None:
        """Stop a client, as if its process had ended."""
        self._clients.pop(name).stop()


class _RunningClient:
    """An agent in a thread of its own."""

    def __init__(self, settings: ClientSettings, runtime: Runtime | None) -> None:
        from fednet.client.agent import Agent

        self._ready: Future[None] = Future()
        self._agent: Agent = Agent(settings, runtime, on_ready=self._on_ready)
        self._thread = threading.Thread(target=self._run, name=settings.name, daemon=True)
        self._thread.start()

    def _on_ready(self, _place: dict[str, Any]) -> None:
        if not self._ready.done():
            self._ready.set_result(None)

    def _run(self) -> None:
        try:
            self._agent.run()
        except FednetError as error:
            if not self._ready.done():
                self._ready.set_exception(error)

    def wait_until_ready(self) -> None:
        self._ready.result(limits.start_seconds_max)

    def stop(self) -> None:
        self._agent.stop()
        self._thread.join()


class _LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="combiners", daemon=True
        )
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
