"""A combiner with simulated clients: they answer a training task at once, with the same small update.

The combiner runs in a thread of this process, as it does in production but for its clients: they speak to its port for
clients directly, so that thousands of them cost no connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fednet.combiner.engine.engine import Engine
from fednet.combiner.machine.answers import Answer, Update
from fednet.combiner.machine.values import (
    Capabilities,
    Digest,
    JsonObject,
    Task,
    TaskKind,
    Verdict,
)
from fednet.combiner.server import Combiner
from fednet.parameters import write_model
from fednet.rpc import sha256_of
from fednet.settings import CombinerSettings
from fednet.testing._loop import LoopThread

_METADATA = JsonObject('{"num_examples": 1, "loss": 0.5}')


class Crowd:
    """The answers of many clients, one after the other in the combiner's event loop.

    Args:
        engine: The combiner's engine.
        update: The file of the update that all of them send.
    """

    def __init__(self, engine: Engine, update: Path) -> None:
        self._engine = engine
        self._update = update
        self._digest = Digest(update.stat().st_size, sha256_of(update))
        self._waiting: deque[tuple[str, str]] = deque()

    def take(self, client_id: str, task: Task) -> None:
        """Answer a task soon."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_one)
        self._waiting.append((client_id, task.task_id))

    def _answer_one(self) -> None:
        """Put the update in its place, as an upload does, and answer."""
        client_id, task_id = self._waiting.popleft()
        place = self._engine.upload_place(client_id, task_id)
        self._engine.keep_digest(place, self._digest)
        os.link(self._update, place.path)
        self._engine.take_answer(client_id, Answer(task_id, Update(1.0, _METADATA)))
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_one)


class SimulatedClient:
    """One client of a crowd, as the combiner sees it."""

    capabilities = Capabilities(kinds=(TaskKind.TRAIN,))

    def __init__(self, client_id: str, crowd: Crowd) -> None:
        self.client_id = client_id
        self._crowd = crowd

    def welcome(self, combiner: str) -> None:
        """Do nothing: the client is here for ever."""

    def offer(self, task: Task) -> None:
        """Answer soon."""
        self._crowd.take(self.client_id, task)

    def cancel(self, task_id: str) -> None:
        """Do nothing: the answer is under way."""

    def receipt(self, verdict: Verdict) -> None:
        """Check that the answer counts."""
        assert verdict.accepted, verdict.reason

    def close(self) -> None:
        """Do nothing: there is no connection."""


@contextlib.contextmanager
def combiner_of(
    api_url: str, token: str, folder: Path, client_ids: list[str], parameters: int
) -> Iterator[None]:
    """Run a combiner with these clients.

    Args:
        api_url: The controller's address.
        token: The admin's token.
        folder: The folder of the combiner.
        client_ids: The ids of clients that are registered.
        parameters: The float32 values in the model.
    """
    settings = CombinerSettings(
        name="combiner",
        api_url=api_url,
        token=token,
        port=0,
        data_dir=folder / "combiner",
        clients_max=len(client_ids),
    )
    update = folder / "update.npz"
    write_model(update, [np.ones(parameters, np.float32)])
    loop = LoopThread("combiner")
    with contextlib.ExitStack() as running:
        running.callback(loop.close)
        combiner = loop.run(Combiner.start(settings))
        running.callback(lambda: loop.run(combiner.stop()))
        engine: Any = combiner._engine  # noqa: SLF001  the port for clients, which no façade of ours opens to Python
        crowd = Crowd(engine, update)
        for client_id in client_ids:
            client = SimulatedClient(client_id, crowd)
            loop.call(lambda client=client: engine.client_here(client))  # type: ignore[misc]  mypy sees no default
        yield
