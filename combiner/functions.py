"""The server functions of rounds: planning and aggregating by them, each step asked for once at a time.

All of it belongs to the event loop's thread; the steps themselves run in child processes, which threads follow that
nothing else needs: a step that takes long holds up no round without functions.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from fednet import limits
from fednet.aggregation import Partial
from fednet.errors import FailedPrecondition, TaskFailed
from fednet.wire import rounds_pb2, tasks_pb2

from .function_processes import FunctionProcesses, Run
from .outbox import Outbox
from .reduction import Reducer
from .workers import Workers

T = TypeVar("T", rounds_pb2.Planned, rounds_pb2.Reduced)


class FunctionSteps:
    """The steps that this combiner has under way.

    Args:
        name: The combiner's name.
        processes: Runs them.
        reducer: Stores what comes of them.
        outbox: Tells what they print.
    """

    def __init__(
        self, name: str, processes: FunctionProcesses, reducer: Reducer, outbox: Outbox
    ) -> None:
        self._name = name
        self._processes = processes
        self._reducer = reducer
        self._outbox = outbox
        self._workers = Workers(f"{name}-functions", limits.server_functions_processes_max)
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    @property
    def are_allowed(self) -> bool:
        """Whether the combiner's operator lets them run here."""
        return self._processes.bounds.allowed

    async def plan(self, request: rounds_pb2.PlanRequest) -> rounds_pb2.Planned:
        """Let the functions choose clients and settings.

        Args:
            request: A checked request.

        Raises:
            FailedPrecondition: No server functions may run here.
        """
        self._check_allowed()
        return await self._once(request.functions.about.phase_id, lambda: self._plan(request))

    async def reduce(
        self, request: rounds_pb2.Reduction, own: Mapping[str, Partial]
    ) -> rounds_pb2.Reduced:
        """Let the functions make the model of a round; see `Reducer.reduce_by_functions`.

        Raises:
            FailedPrecondition: No server functions may run here.
        """
        self._check_allowed()
        return await self._once(request.model_id, lambda: self._reduce(request, own))

    async def close(self) -> None:
        """End what runs."""
        self._processes.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._workers.close()
        self._processes.close()

    def _check_allowed(self) -> None:
        if not self.are_allowed:
            raise FailedPrecondition(
                f"The combiner {self._name!r} runs no server functions: its setting server_functions "
                "is false. Set it to true, or start the session without them.",
                field="server_functions",
            )

    async def _once(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What work comes to; who asks for it again meanwhile waits for the same."""
        if key not in self._under_way:
            task = asyncio.create_task(work())
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        done: T = await asyncio.shield(self._under_way[key])
        return done

    async def _plan(self, request: rounds_pb2.PlanRequest) -> rounds_pb2.Planned:
        try:
            planned: rounds_pb2.Planned = await self._workers.run(
                self._planned, request, self._run_of(request.functions)
            )
        except TaskFailed as error:
            return rounds_pb2.Planned(failure=self._failure(request.functions, error))
        return planned

    async def _reduce(
        self, request: rounds_pb2.Reduction, own: Mapping[str, Partial]
    ) -> rounds_pb2.Reduced:
        reduce, run = self._reducer.reduce_by_functions, self._run_of(request.functions)
        try:
            reduced: rounds_pb2.Reduced = await self._workers.run(reduce, request, own, run)
        except TaskFailed as error:
            return rounds_pb2.Reduced(failure=self._failure(request.functions, error))
        return reduced

    def _planned(self, request: rounds_pb2.PlanRequest, run: Run) -> rounds_pb2.Planned:
        """In a worker thread: what the step gives, with its state stored."""
        made = run(request.model, request.state, clients=list(request.clients))
        planned = rounds_pb2.Planned(clients=made.clients, settings_json=json.dumps(made.settings))
        if made.state is not None:
            phase_id = request.functions.about.phase_id
            planned.state.CopyFrom(self._reducer.store_state(phase_id, made.state))
        return planned

    def _run_of(self, functions: rounds_pb2.ServerFunctions) -> Run:
        """What runs a step of these functions, in a worker thread; what it prints is told here."""
        loop = asyncio.get_running_loop()

        def tell(text: str) -> None:
            loop.call_soon_threadsafe(self._tell, functions.about, tasks_pb2.LogRecord.INFO, text)

        return partial(self._processes.run, functions, tell)

    def _failure(
        self, functions: rounds_pb2.ServerFunctions, error: TaskFailed
    ) -> rounds_pb2.FunctionsFailure:
        text = f"{error.message}\n{error.traceback}".strip()
        self._tell(functions.about, tasks_pb2.LogRecord.ERROR, text)
        return rounds_pb2.FunctionsFailure(message=error.message, traceback=error.traceback)

    def _tell(
        self, about: rounds_pb2.PhaseContext, level: tasks_pb2.LogRecord.Level, text: str
    ) -> None:
        record = tasks_pb2.LogRecord(level=level, text=text[-limits.text_characters_max :])
        self._outbox.offer(phase=about, log=record)
