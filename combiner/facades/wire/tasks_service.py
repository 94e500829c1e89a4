"""The service of clients' streams: translates between the wire and the port of clients, nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from fednet import limits
from fednet.budgets import Budget
from fednet.contract import Permission, requires
from fednet.errors import InvalidInput, Unauthenticated
from fednet.rpc import caller_of, claims_of, readiness_of
from fednet.wire import tasks_pb2, tasks_pb2_grpc

from ...ports import ClientPort, GatePort, StreamAdmission
from .calls import errors_to, first_of
from .from_clients import answer_of, capabilities_of, log_record_of
from .to_clients import WireStream


class TasksService(tasks_pb2_grpc.TasksServicer):
    """Tasks down, answers up; one stream per client."""

    def __init__(self, port: ClientPort, gate: GatePort) -> None:
        self._port = port
        self._gate = gate

    @requires(Permission.TASKS_WORK)
    async def Connect(
        self, messages: AsyncIterator[tasks_pb2.ClientMessage], context: Any
    ) -> AsyncIterator[tasks_pb2.CombinerMessage]:
        """Serve one client until either end hangs up."""
        async with errors_to(context):
            stream = WireStream(caller_of().id, capabilities_of(await _hello(messages)))
            with self._gate.open(claims_of(), stream.close) as admission:
                self._port.client_here(stream)
                listening = asyncio.create_task(self._listen(stream, admission, messages))
                try:
                    while (message := await stream.outgoing.get()) is not None:
                        yield message
                    admission.check()
                    if stream.reason:
                        raise Unauthenticated(stream.reason)
                    if listening.done() and (error := listening.exception()):
                        raise error
                finally:
                    listening.cancel()
                    self._port.client_gone(stream)

    async def _listen(
        self,
        stream: WireStream,
        admission: StreamAdmission,
        messages: AsyncIterator[tasks_pb2.ClientMessage],
    ) -> None:
        budget = Budget(
            limits.stream_messages_max, limits.stream_messages_per_second, time.monotonic
        )
        try:
            async for message in messages:
                if short := budget.seconds_short():
                    await stream.closed_within(short)
                match message.WhichOneof("message"):
                    case "result":
                        take_result(self._port, stream.client_id, message.result)
                    case "log":
                        self._port.log(stream.client_id, log_record_of(message.log))
                    case "readiness":
                        self._port.waits(stream, readiness_of(message.readiness))
                    case "renewal":
                        admission.renew(message.renewal.placement_token)
        finally:
            stream.close()


def take_result(port: ClientPort, client_id: str, result: tasks_pb2.TaskResult) -> None:
    """Hand a client's answer on.

    Raises:
        PermissionDenied: The task is another client's.
        Unavailable: The spool cannot keep the answer now.
    """
    kind = port.kind_of(client_id, result.task_id)
    port.take_answer(client_id, answer_of(kind, result))


async def _hello(messages: AsyncIterator[tasks_pb2.ClientMessage]) -> tasks_pb2.Hello:
    message = await first_of(messages)
    if message is None or message.WhichOneof("message") != "hello":
        raise InvalidInput("The first message of a client must be a hello.", field="hello")
    return message.hello
