"""The runs of server functions that are under way: each plan or aggregation runs once at a time.

All of it belongs to the event loop's thread; the functions themselves run in child processes, which threads follow that
nothing else needs: a run that takes long holds up no round without functions.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

from prometheus_client import Gauge

from fednet import limits
from fednet.aggregation import Partial
from fednet.errors import FailedPrecondition, TaskFailed

from ..machine.orders import (
    FunctionsFailure,
    FunctionsOrder,
    Plan,
    PlanOrder,
    Reduced,
    Reduction,
)
from ..machine.values import LogLevel, LogRecord, PhaseContext
from .function_processes import FunctionProcesses, RunFunctions
from .outbox import Outbox
from .reduction import Reducer
from .workers import Workers

T = TypeVar("T", Plan, Reduced)


class FunctionRuns:
    """The runs that this combiner has under way.

    Args:
        name: The combiner's name.
        processes: Runs them.
        reducer: Stores their results.
        outbox: Takes their output.
        work: Counts what waits or is under way.
    """

    def __init__(
        self,
        name: str,
        processes: FunctionProcesses,
        reducer: Reducer,
        outbox: Outbox,
        work: Gauge,
    ) -> None:
        self._name = name
        self._processes = processes
        self._reducer = reducer
        self._outbox = outbox
        self._workers = Workers(f"{name}-functions", limits.server_functions_processes_max, work)
        self._under_way: dict[str, asyncio.Task[Any]] = {}

    @property
    def are_allowed(self) -> bool:
        """True if the combiner's operator lets them run here."""
        return self._processes.bounds.allowed

    async def plan(self, order: PlanOrder) -> Plan:
        """Let the functions choose clients and settings.

        Raises:
            FailedPrecondition: No server functions may run here.
        """
        self._check_allowed()
        return await self._once(order.functions.about.phase_id, lambda: self._plan(order))

    async def reduce(
        self, order: Reduction, functions: FunctionsOrder, own: Mapping[str, Partial]
    ) -> Reduced:
        """Let the functions make the model of a round; see `Reducer.reduce_by_functions`.

        Raises:
            FailedPrecondition: No server functions may run here.
        """
        self._check_allowed()
        return await self._once(order.model_id, lambda: self._reduce(order, functions, own))

    async def close(self) -> None:
        """End the runs under way."""
        self._processes.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._workers.close()

    def _check_allowed(self) -> None:
        if not self.are_allowed:
            raise FailedPrecondition(
                f"The combiner {self._name!r} runs no server functions: its setting server_functions "
                "is false. Set it to true, or start the session without them.",
                field="server_functions",
            )

    async def _once(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do work; a caller that asks for it again meanwhile waits for the same."""
        if key not in self._under_way:
            task = asyncio.create_task(work())
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key))
        done: T = await asyncio.shield(self._under_way[key])
        return done

    async def _plan(self, order: PlanOrder) -> Plan:
        run = self._run_of(order.functions)
        try:
            plan: Plan = await self._workers.run(self._planned, order, run)
        except TaskFailed as error:
            return Plan(failure=self._failure(order.functions, error))
        return plan

    async def _reduce(
        self, order: Reduction, functions: FunctionsOrder, own: Mapping[str, Partial]
    ) -> Reduced:
        reduce, run = self._reducer.reduce_by_functions, self._run_of(functions)
        try:
            reduced: Reduced = await self._workers.run(reduce, order, own, run)
        except TaskFailed as error:
            return Reduced(failure=self._failure(functions, error))
        return reduced

    def _planned(self, order: PlanOrder, run: RunFunctions) -> Plan:
        """Run the functions in a worker thread; their state is stored before the plan is told."""
        made = run(order.model, order.state, clients=list(order.clients))
        state = None
        if made.state:
            state = self._reducer.store_state(order.functions.about.phase_id, made.state)
        return Plan(tuple(made.clients), json.dumps(made.settings), state)

    def _run_of(self, functions: FunctionsOrder) -> RunFunctions:
        """Return a function that runs these functions in a worker thread and reports their prints here."""
        loop = asyncio.get_running_loop()

        def tell(text: str) -> None:
            loop.call_soon_threadsafe(self._tell, functions.about, LogLevel.INFO, text)

        return partial(self._processes.run, functions, tell)

    def _failure(self, functions: FunctionsOrder, error: TaskFailed) -> FunctionsFailure:
        text = f"{error.message}\n{error.traceback}".strip()
        self._tell(functions.about, LogLevel.ERROR, text)
        return FunctionsFailure(error.message, error.traceback)

    def _tell(self, about: PhaseContext, level: LogLevel, text: str) -> None:
        record = LogRecord(text[-limits.text_characters_max :], level)
        self._outbox.offer(record, about)
