"""The service for controllers: translates between the wire and the port of controllers, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fednet import limits
from fednet.contract import Permission, requires
from fednet.errors import InvalidInput
from fednet.wire import rounds_pb2, rounds_pb2_grpc

from ...ports import ControllerPort
from .calls import errors_to
from .from_controllers import (
    assignment_of,
    phase_order_of,
    plan_order_of,
    reduction_of,
    withdrawal_of,
)
from .to_controllers import event_message, planned_message, reduced_message


class RoundsService(rounds_pb2_grpc.RoundsServicer):
    """The orders of controllers, and the news for them."""

    def __init__(self, port: ControllerPort) -> None:
        self._port = port

    @requires(Permission.ROUNDS_ORDER)
    async def Start(self, request: rounds_pb2.Phase, context: Any) -> rounds_pb2.PhaseStarted:
        """Begin a phase, add to it or open it again."""
        async with errors_to(context):
            await self._port.start(assignment_of(request))
            return rounds_pb2.PhaseStarted()

    @requires(Permission.ROUNDS_ORDER)
    async def Withdraw(self, request: rounds_pb2.Withdrawal, context: Any) -> rounds_pb2.Withdrawn:
        """Take clients out of a phase."""
        async with errors_to(context):
            moved = await self._port.withdraw(*withdrawal_of(request))
            return rounds_pb2.Withdrawn(clients=moved)

    @requires(Permission.ROUNDS_ORDER)
    async def Plan(self, request: rounds_pb2.PlanRequest, context: Any) -> rounds_pb2.Planned:
        """Let a round's server functions choose."""
        async with errors_to(context):
            return planned_message(await self._port.plan(plan_order_of(request)))

    @requires(Permission.ROUNDS_ORDER)
    async def Close(self, request: rounds_pb2.PhaseOrder, context: Any) -> rounds_pb2.PhaseClosing:
        """Finish a phase with the answers that are in."""
        async with errors_to(context):
            await self._port.close_early(*phase_order_of(request))
            return rounds_pb2.PhaseClosing()

    @requires(Permission.ROUNDS_ORDER)
    async def Release(
        self, request: rounds_pb2.PhaseOrder, context: Any
    ) -> rounds_pb2.PhaseReleased:
        """Forget a phase."""
        async with errors_to(context):
            await self._port.release(*phase_order_of(request))
            return rounds_pb2.PhaseReleased()

    @requires(Permission.ROUNDS_ORDER)
    async def Reduce(self, request: rounds_pb2.Reduction, context: Any) -> rounds_pb2.Reduced:
        """Merge the partials of a round into its model."""
        async with errors_to(context):
            return reduced_message(await self._port.reduce(reduction_of(request)))

    @requires(Permission.ROUNDS_ORDER)
    async def Watch(
        self, acknowledgements: AsyncIterator[rounds_pb2.Acknowledgement], context: Any
    ) -> AsyncIterator[rounds_pb2.Event]:
        """Tell a controller everything that happens, beginning with a snapshot."""
        async with errors_to(context):
            controller = await _name(acknowledgements)
            listening = asyncio.create_task(self._acknowledge(controller, acknowledgements))
            try:
                async with contextlib.aclosing(self._port.watch(controller)) as news:
                    async for each in news:
                        yield event_message(each)
            finally:
                listening.cancel()

    async def _acknowledge(
        self, controller: str, acknowledgements: AsyncIterator[rounds_pb2.Acknowledgement]
    ) -> None:
        async for each in acknowledgements:
            self._port.acknowledge(controller, each.epoch, each.number)


async def _name(acknowledgements: AsyncIterator[rounds_pb2.Acknowledgement]) -> str:
    async for each in acknowledgements:
        if 0 < len(each.controller) <= limits.name_characters_max:
            return each.controller
        break
    raise InvalidInput(
        "The first message of a watch must name its controller, in at most "
        f"{limits.name_characters_max} characters.",
        field="controller",
    )
