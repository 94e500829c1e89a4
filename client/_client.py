"""A client in a few lines of Python, inside the user's own process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fednet.environment import api_url_from_environment, switch_off_grpc_fork_handlers
from fednet.errors import InvalidInput
from fednet.host import check_signature
from fednet.names import check_name
from fednet.packages import declared_settings
from fednet.processes import reuse_freed_memory
from fednet.settings import ClientSettings, load

from .one_run import stopped_by_sigterm, temporary_folder, woken_by_signals
from .runtime import CallbackRuntime, PredictFunction, TrainFunction, ValidateFunction

if TYPE_CHECKING:
    from .agent import Agent

Train = TypeVar("Train", bound=TrainFunction)
Validate = TypeVar("Validate", bound=ValidateFunction)
Predict = TypeVar("Predict", bound=PredictFunction)


class Client:
    """A client whose code is Python functions.

        client = Client("http://127.0.0.1:8092", name="hospital-1", token="…")

        @client.train
        def train(parameters, settings):
            …
            return parameters, {"num_examples": 120}

        @client.validate
        def validate(parameters, settings):
            return {"accuracy": 0.91, "num_examples": 30}

        @client.predict
        def predict(parameters, settings):
            return {"labels": [0, 1, 1]}

        client.run()

    Parameters are lists of NumPy arrays, copies that belong to the client, in the order of the model's file; one vector
    in files of bare numbers. `parameters.names` has their names, `parameters.as_dict()` the arrays by name. A train
    function may return a list in that order, or a dict by name. An exception in a function fails that task, with its
    traceback in a status; the client continues.

    Args:
        api_url: The controller's address, or those of several, separated by commas; by default FEDNET_URL.
        name: The client's name, unique in its network.
        token: A token that may register clients, or this client's own; by default FEDNET_TOKEN, or the admin
            token of a controller on this machine.
        data_dir: The folder of credentials and unsent updates, so that the client keeps its identity after a
            restart; by default a temporary folder (mode 0700), which is removed when `run` ends. If the process is
            killed, the next client of this user on this machine removes it.
        preferred_combiner: The name of the preferred combiner; it is used if it has room.
        transfer: The way of files: "grpc" through the combiner, "object-store" directly to and from the network's
            object store, or "auto": the store if it can be reached, else the combiner.
        ca: A file with the authorities (PEM) whose servers are trusted, in place of the public ones; by default
            FEDNET_CA.
        certificate: A file with the client's own certificate and its chain (PEM), for servers that ask for one; by
            default FEDNET_CERTIFICATE.
        certificate_key: A file with the key of `certificate`; by default FEDNET_CERTIFICATE_KEY.
        takes: The settings of a session that the functions take, by name: a type ("number", "integer", "string",
            "boolean", "list", "object"), or a dict such as {"type": "number", "min": 0, "max": 1} or
            {"choices": ["sgd", "adam"]}. A task with other settings waits until the owner of the site approves them.
        policy: "pinned" and "signed" for this rule, "any" to take all settings; by default "pinned".

    Raises:
        InvalidInput: A setting is invalid; the error names it.
    """

    def __init__(
        self,
        api_url: str | None = None,
        *,
        name: str,
        token: str | None = None,
        data_dir: Path | str | None = None,
        preferred_combiner: str | None = None,
        transfer: str | None = None,
        ca: Path | str | None = None,
        certificate: Path | str | None = None,
        certificate_key: Path | str | None = None,
        takes: Mapping[str, str | Mapping[str, Any]] | None = None,
        policy: str | None = None,
    ) -> None:
        switch_off_grpc_fork_handlers()
        self._forgets = data_dir is None
        flags = {
            "api_url": api_url or api_url_from_environment(),
            "name": name,
            "token": token,
            "data_dir": data_dir,
            "preferred_combiner": preferred_combiner,
            "transfer": transfer,
            "ca": ca,
            "certificate": certificate,
            "certificate_key": certificate_key,
            "policy": policy,
        }
        self._settings = load(ClientSettings, flags=flags)
        check_name(self._settings.name)
        self._takes = declared_settings(takes or {})
        self._train: TrainFunction | None = None
        self._validate: ValidateFunction | None = None
        self._predict: PredictFunction | None = None
        self._lock = threading.Lock()
        self._agent: Agent | None = None
        self._is_stopped = False

    def train(self, function: Train) -> Train:
        """Register `function(parameters, settings) -> (parameters, {"num_examples": n, …})` to train; a decorator.

        Raises:
            InvalidInput: The function cannot be called in this way.
        """
        check_signature("train", function)
        self._train = function
        return function

    def validate(self, function: Validate) -> Validate:
        """Register `function(parameters, settings) -> {"accuracy": …, …}` to validate; a decorator.

        Raises:
            InvalidInput: The function cannot be called in this way.
        """
        check_signature("validate", function)
        self._validate = function
        return function

    def predict(self, function: Predict) -> Predict:
        """Register `function(parameters, settings) -> {"labels": […], …}` to predict on its data; a decorator.

        Raises:
            InvalidInput: The function cannot be called in this way.
        """
        check_signature("predict", function)
        self._predict = function
        return function

    def run(self) -> None:
        """Serve tasks in this thread until `stop` is called, Ctrl-C is pressed or the process gets SIGTERM.

        In the main thread, SIGTERM stops the client first and ends the process then, unless the program handles the
        signal itself.

        Raises:
            InvalidInput: No function is registered.
            FednetError: The network refuses this client.
        """
        if not (self._train or self._validate or self._predict):
            raise InvalidInput(
                "The client has nothing to do: register a function with @client.train, "
                "@client.validate or @client.predict."
            )
        reuse_freed_memory(is_our_process=False)
        with (
            stopped_by_sigterm(),
            self._agent_of_this_run() as agent,
            contextlib.suppress(KeyboardInterrupt),
            woken_by_signals(agent.wake),
        ):
            agent.run()

    def stop(self) -> None:
        """Make `run` return soon, also if it is about to begin; call it from any thread."""
        with self._lock:
            self._is_stopped = True
            if self._agent:
                self._agent.stop()

    @contextlib.contextmanager
    def _agent_of_this_run(self) -> Iterator[Agent]:
        from .agent import Agent  # it loads gRPC, which must not be loaded before __init__

        with contextlib.ExitStack() as stack:
            settings = self._settings
            if self._forgets:
                folder = stack.enter_context(temporary_folder())
                settings = settings.model_copy(update={"data_dir": folder})
            runtime = CallbackRuntime(self._train, self._validate, self._predict)
            agent = Agent(settings, runtime, takes=self._takes)
            with self._lock:
                self._agent = agent
                if self._is_stopped:
                    agent.stop()
            try:
                yield agent
            finally:
                with self._lock:
                    self._agent, self._is_stopped = None, False
