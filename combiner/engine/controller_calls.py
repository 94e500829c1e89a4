"""The orders of controllers, carried out, and the watches of controllers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import replace
from functools import partial

from fednet.aggregation import Partial
from fednet.errors import InvalidInput
from fednet.log_context import logged_as
from fednet.traces import Span, place_of

from ..machine.assignment import Assignment
from ..machine.fence import Fence
from ..machine.news import Envelope, Snapshot
from ..machine.orders import Plan, PlanOrder, Reduced, Reduction
from ..machine.values import Authority
from .function_runs import FunctionRuns
from .means import Means
from .phase_log import logged_in
from .phases import Phases
from .reduction import Reducer
from .turns import Turns


class ControllerCalls:
    """The orders to one combiner, and its news; see `ControllerPort`.

    Args:
        name: The combiner's name.
        fence: The authorities that were seen.
        means: The parts of the combiner that it works with.
        phases: The phases that run here.
        reducer: Merges partials.
        functions: Runs server functions.
    """

    def __init__(
        self,
        name: str,
        fence: Fence,
        means: Means,
        phases: Phases,
        reducer: Reducer,
        functions: FunctionRuns,
    ) -> None:
        self._name = name
        self._fence = fence
        self._means = means
        self._phases = phases
        self._reducer = reducer
        self._functions = functions
        self._turns = Turns()
        self._working = 0

    # Watches

    def snapshot(self) -> Snapshot:
        """Return all that a controller needs to know when it begins to watch."""
        return Snapshot(
            epoch=self._means.outbox.epoch,
            clients=self._means.clients.capabilities(),
            phases={each.assignment.phase_id: each.assignment.session_id for each in self._phases},
            allows_functions=self._functions.are_allowed,
            is_stopping=self._means.clients.are_leaving,
        )

    def watch(self, controller: str) -> AsyncGenerator[Snapshot | Envelope]:
        """Give a snapshot, all news that is not acknowledged, then later news."""
        return self._means.outbox.follow(controller, self.snapshot)

    def hang_up(self, controller: str) -> None:
        """End the present watch of a controller."""
        self._means.outbox.hang_up(controller)

    def acknowledge(self, controller: str, epoch: str, number: int) -> None:
        """Note that a controller has stored its news up to this number."""
        self._means.outbox.acknowledge(controller, epoch, number)

    # Orders about a phase, one at a time

    async def start(self, assignment: Assignment) -> None:
        """Begin a phase, add to it or open it again; see `Phases.start`."""

        async def work() -> None:
            self._admit(assignment.authority)
            await self._phases.start(assignment)

        with logged_in(assignment):
            self._admit(assignment.authority)
            await self._turns.run(assignment.phase_id, work)

    async def withdraw(
        self, phase_id: str, clients: tuple[str, ...], authority: Authority
    ) -> tuple[str, ...]:
        """Take clients out of a phase; return those that have no answer here."""

        async def work() -> tuple[str, ...]:
            self._admit_for(phase_id, authority)
            return self._phases.withdraw(phase_id, clients, authority)

        with logged_as(session=authority.session_id):
            self._admit_for(phase_id, authority)
            return await self._turns.run(phase_id, work)

    async def close_early(self, phase_id: str, authority: Authority) -> None:
        """Close a phase with the answers that are in."""

        async def work() -> None:
            self._admit_for(phase_id, authority)
            self._phases.close_early(phase_id, authority)

        with logged_as(session=authority.session_id):
            self._admit_for(phase_id, authority)
            await self._turns.run(phase_id, work)

    async def release(self, phase_id: str, authority: Authority) -> None:
        """Forget a phase and its files; nothing happens if it is not here."""

        async def work() -> None:
            self._admit_for(phase_id, authority)
            await self._phases.release(phase_id)

        with logged_as(session=authority.session_id):
            self._admit_for(phase_id, authority)
            await self._turns.run(phase_id, work)

    # Orders about a round

    async def reduce(self, order: Reduction) -> Reduced:
        """Merge the partials of a round and write the new model; the same again if it is there already."""
        self._admit(order.authority)
        began = time.monotonic()
        with (
            self._counted(),
            logged_as(session=order.authority.session_id, round_number=order.round_number),
            self._means.metrics.reduce_seconds.time(),
            contextlib.ExitStack() as reading,
        ):
            own = await self._own_partials(order, reading)
            if order.functions:
                reduced = await self._functions.reduce(order, order.functions, own)
            else:
                reduced = await self._means.workers.run(self._reducer.reduce, order, own)
        seconds = time.monotonic() - began
        self._means.traces.traces.tell(partial(_reduce_span, order, reduced, seconds))
        return replace(reduced, seconds=seconds)

    async def plan(self, order: PlanOrder) -> Plan:
        """Let server functions choose clients and settings; nothing is kept but their memory."""
        about = order.functions.about
        with logged_as(session=about.session_id, round_number=about.round_number):
            self._admit(order.authority)
            with self._counted():
                return await self._functions.plan(order)

    @property
    def are_under_way(self) -> bool:
        """True while an order about a round is carried out."""
        return self._working > 0

    async def close(self) -> None:
        """Wait for the orders that are under way."""
        await self._turns.close()

    # Helpers

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1

    def _admit(self, authority: Authority) -> None:
        """Let an order pass, and send the session's news to its controller from now on."""
        if self._fence.admit(authority):
            self._means.outbox.move(authority.session_id)

    def _admit_for(self, phase_id: str, authority: Authority) -> None:
        phase = self._phases.get(phase_id)
        if phase and phase.assignment.session_id != authority.session_id:
            raise InvalidInput(
                f"The phase {phase_id} belongs to another session than {authority.session_id!r}.",
                field="authority",
            )
        self._admit(authority)

    async def _own_partials(
        self, order: Reduction, reading: contextlib.ExitStack
    ) -> Mapping[str, Partial]:
        """Return the partials of this combiner, by phase; they stay as they are until the stack is closed."""
        own: dict[str, Partial] = {}
        for each in order.all_partials:
            phase = self._phases.get(each.phase_id)
            if phase and each.combiner == self._name:
                own[each.phase_id] = await phase.whole_partial()
                reading.enter_context(phase.reading())
        return own


def _reduce_span(order: Reduction, reduced: Reduced, seconds: float) -> Span | None:
    if (above := place_of(order.traceparent)) is None:
        return None
    now = time.time()
    return Span(
        "reduce",
        above.child("reduce", order.model_id),
        above,
        now - seconds,
        now,
        {"session": order.authority.session_id, "round": order.round_number},
        reduced.failure.message if reduced.failure else "",
    )
