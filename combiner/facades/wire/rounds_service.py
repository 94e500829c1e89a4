"""The service for controllers: translates between the wire and the port of controllers, nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fednet import limits
from fednet.contract import Permission, requires
from fednet.errors import InvalidInput
from fednet.rpc import claims_of
from fednet.wire import rounds_pb2, rounds_pb2_grpc

from ...ports import ControllerPort, GatePort, StreamAdmission
from .calls import errors_to, first_of
from .from_controllers import (
    assignment_of,
    phase_order_of,
    plan_order_of,
    reduction_of,
    withdrawal_of,
)
from .to_controllers import event_message, planned_message, reduced_message

_log = logging.getLogger(__name__)


class RoundsService(rounds_pb2_grpc.RoundsServicer):
    """The orders of controllers, and the news for them."""

    def __init__(self, port: ControllerPort, gate: GatePort) -> None:
        self._port = port
        self._gate = gate

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
        self, messages: AsyncIterator[rounds_pb2.WatchMessage], context: Any
    ) -> AsyncIterator[rounds_pb2.Event]:
        """Tell a controller everything that happens, beginning with a snapshot."""
        async with errors_to(context):
            controller = await _name(messages)
            with (
                self._gate.open(claims_of(), lambda: self._port.hang_up(controller)) as admission,
                _logged(controller),
            ):
                listening = asyncio.create_task(self._listen(controller, admission, messages))
                try:
                    async with contextlib.aclosing(self._port.watch(controller)) as news:
                        async for each in news:
                            yield event_message(each)
                    admission.check()
                    if listening.done() and (error := listening.exception()):
                        raise error
                finally:
                    listening.cancel()

    async def _listen(
        self,
        controller: str,
        admission: StreamAdmission,
        messages: AsyncIterator[rounds_pb2.WatchMessage],
    ) -> None:
        try:
            async for message in messages:
                match message.WhichOneof("message"):
                    case "acknowledgement":
                        mark = message.acknowledgement
                        self._port.acknowledge(controller, mark.epoch, mark.number)
                    case "trust":
                        self._heed(message.trust)
                    case "renewal":
                        admission.renew(message.renewal)
        except Exception:
            self._port.hang_up(controller)
            raise

    def _heed(self, trust: rounds_pb2.Trust) -> None:
        if trust.public_keys:
            self._gate.trust(trust.public_keys)
        self._gate.refuse(trust.revoked_ids)
        self._gate.displace(trust.misplaced_clients)


@contextlib.contextmanager
def _logged(controller: str) -> Iterator[None]:
    """Log the begin and the end of a controller's watch."""
    _log.info("controller %s is connected", controller)
    try:
        yield
    finally:
        _log.info("controller %s is disconnected", controller)


async def _name(messages: AsyncIterator[rounds_pb2.WatchMessage]) -> str:
    message = await first_of(messages)
    name: str = message.hello.controller if message else ""
    if not 0 < len(name) <= limits.name_characters_max:
        raise InvalidInput(
            "The first message of a watch must name its controller, in at most "
            f"{limits.name_characters_max} characters.",
            field="controller",
        )
    return name
