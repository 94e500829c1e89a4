"""A combiner with simulated clients: they answer a training task at once, with the same small update.

The combiner runs in a thread of this process, as in production except for its clients: they call its port for clients
directly, so that thousands of them need no connections.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from fednet.combiner.machine.answers import Answer, Update
from fednet.combiner.machine.values import (
    Capabilities,
    JsonObject,
    Task,
    TaskKind,
    Verdict,
)
from fednet.combiner.ports import Ports
from fednet.combiner.server import Combiner
from fednet.digests import Algorithm, digest_of
from fednet.parameters import write_model
from fednet.readiness import Readiness
from fednet.settings import CombinerSettings
from fednet.testing._loop import LoopThread

_METADATA = JsonObject('{"num_examples": 1, "loss": 0.5}')


class Crowd:
    """The answers of many clients, one after the other in the combiner's event loop.

    Args:
        ports: The combiner's ports.
        update: The update that all clients send.
    """

    def __init__(self, ports: Ports, update: bytes) -> None:
        self._ports = ports
        self._update = update
        self._digest = digest_of(update, Algorithm.BLAKE3)
        self._waiting: deque[tuple[str, str]] = deque()
        self._answering: asyncio.Task[None] | None = None

    def take(self, client_id: str, task: Task) -> None:
        """Answer a task soon."""
        self._waiting.append((client_id, task.task_id))
        if self._answering is None:
            self._answering = asyncio.get_running_loop().create_task(self._answer_all())

    async def _answer_all(self) -> None:
        while self._waiting:
            client_id, task_id = self._waiting.popleft()
            await self._ports.uploads.receive(client_id, task_id, self._digest, 0, self._pieces())
            self._ports.clients.take_answer(client_id, Answer(task_id, Update(1.0, _METADATA)))
        self._answering = None

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self._update


class SimulatedClient:
    """One client of a crowd, as the combiner sees it."""

    capabilities = Capabilities(kinds=(TaskKind.TRAIN,))

    def __init__(self, client_id: str, crowd: Crowd) -> None:
        self.client_id = client_id
        self._crowd = crowd

    def waits(self, readiness: Readiness) -> None:
        """Do nothing: the client is always ready."""

    def welcome(self, combiner: str) -> None:
        """Do nothing: the client stays for ever."""

    def offer(self, task: Task) -> None:
        """Answer soon."""
        self._crowd.take(self.client_id, task)

    def cancel(self, task_id: str) -> None:
        """Do nothing: the answer is on its way."""

    def receipt(self, verdict: Verdict) -> None:
        """Check that the answer counts."""
        assert verdict.accepted, verdict.reason

    def send_away(self, reason: str) -> None:
        """Do nothing: the client stays for ever."""

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
        client_ids: The ids of registered clients.
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
        ports = combiner._engine.ports  # noqa: SLF001  no façade opens them to Python
        crowd = Crowd(ports, update.read_bytes())
        for client_id in client_ids:
            client = SimulatedClient(client_id, crowd)
            loop.call(partial(ports.clients.client_here, client))
        yield
