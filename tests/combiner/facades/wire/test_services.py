"""The services over loopback, with real tokens: the right to call, clients' streams and controllers' orders."""

import time
import uuid

import grpc
import numpy as np
import pytest
from wire_calls import chunks, eventually, header, ours, update_of

from fednet import limits
from fednet.combiner.machine.assignment import task_id_of
from fednet.combiner.machine.news import ClientLeft
from fednet.contract import Role
from fednet.errors import (
    DeadlineExceeded,
    FednetError,
    InvalidInput,
    NotFound,
    PermissionDenied,
)
from fednet.wire import (
    rounds_pb2,
    tasks_pb2,
)

MIB = limits.chunk_bytes


def acknowledgement(epoch, number):
    return rounds_pb2.WatchMessage(acknowledgement={"epoch": epoch, "number": number})


AUTHORITY = {"controller": "controller-1", "term": 1, "session_id": "session"}


async def test_a_stream_must_begin_with_a_hello(served):
    """Anything else, or nothing, ends it with an error that says so."""
    async with served() as caller:
        client = await caller(Role.CLIENT)
        stream = client.connect()
        await stream.write(tasks_pb2.ClientMessage(log={"text": "hi"}))
        with pytest.raises(InvalidInput, match="hello"), ours():
            await stream.read()

        silent = client.connect()
        await silent.done_writing()
        with pytest.raises(InvalidInput, match="hello"), ours():
            await silent.read()


async def test_a_stream_whose_first_message_does_not_come_ends(served, monkeypatch):
    """Those of clients and of controllers."""
    monkeypatch.setattr(limits, "first_message_seconds_max", 0.2)
    async with served() as caller:
        client, controller = await caller(Role.CLIENT), await caller(Role.CONTROLLER)
        for stream in (client.connect(), controller.rounds.Watch(metadata=controller.metadata)):
            with pytest.raises(DeadlineExceeded), ours():
                await stream.read()


async def test_a_flood_of_log_lines_reaches_the_controller_as_one_line(
    served, combiner, monkeypatch
):
    """The lines before it are kept; answers come through meanwhile."""
    monkeypatch.setattr(limits, "log_lines_max", 10)
    monkeypatch.setattr(limits, "log_lines_per_second", 1e-6)
    async with served() as caller:
        client = await caller(Role.CLIENT)
        stream = await client.welcomed()
        for number in range(500):
            await stream.write(tasks_pb2.ClientMessage(log={"text": f"line {number}"}))
        await stream.write(tasks_pb2.ClientMessage(result={"task_id": "unknown"}))
        other = await caller(Role.CLIENT, "b")
        await (await other.welcomed()).write(tasks_pb2.ClientMessage(log={"text": "other"}))

        logs = [each.log for each in await combiner.until("log", 12)]

        assert [each.text for each in logs[:10]] == [f"line {number}" for number in range(10)]
        assert sorted("dropped" in each.text for each in logs[10:]) == [False, True]


async def test_messages_beyond_the_budget_of_a_stream_wait(served, combiner, monkeypatch):
    """The combiner reads them more slowly, and none is lost; the end of the stream is no later for it."""
    monkeypatch.setattr(limits, "stream_messages_max", 5)
    monkeypatch.setattr(limits, "stream_messages_per_second", 20)
    async with served() as caller:
        stream = await (await caller(Role.CLIENT)).welcomed()
        began = time.monotonic()
        for number in range(15):
            await stream.write(tasks_pb2.ClientMessage(log={"text": str(number)}))

        logs = await combiner.until("log", 15)

        assert time.monotonic() - began >= 10 / 20 - 0.1
        assert [each.log.text for each in logs] == [str(number) for number in range(15)]
        stream.cancel()


async def test_a_client_that_connects_again_and_again_has_to_wait(served, monkeypatch):
    """Each connection is news for all controllers."""
    monkeypatch.setattr(limits, "client_connections_max", 2)
    monkeypatch.setattr(limits, "client_connections_per_second", 1e-6)
    async with served() as caller:
        client = await caller(Role.CLIENT)
        for _ in range(2):
            await client.welcomed()

        with pytest.raises(FednetError, match="too often"), ours():
            await client.welcomed()

        assert await (await caller(Role.CLIENT, "b")).welcomed()


async def test_huge_metadata_is_refused(served):
    """Before anything reads it."""
    async with served() as caller:
        client = await caller(Role.CLIENT)
        client.metadata.append(("x", "y" * 100_000))

        with pytest.raises(grpc.RpcError):
            await client.welcomed()


async def test_tasks_go_down_and_answers_go_up(served, combiner, phase_of):
    """Tasks and answers share one stream; a log record on it reaches the controller."""
    async with served() as caller:
        client, controller = await caller(Role.CLIENT), await caller(Role.CONTROLLER)
        stream = await client.welcomed()
        phase = phase_of("a")
        await controller.call(controller.rounds.Start, phase)
        task = (await stream.read()).task
        update = update_of(np.ones(3, np.float32))

        await client.upload([header(task.task_id, update), *chunks(update)])
        await stream.write(tasks_pb2.ClientMessage())  # as what only a newer client says is read
        await stream.write(tasks_pb2.ClientMessage(log={"text": "done"}))
        result = {"task_id": task.task_id, "update": {"num_examples": 2}}
        await stream.write(tasks_pb2.ClientMessage(result=result))
        receipt = (await stream.read()).receipt

        assert task.task_id == task_id_of(phase.phase_id, "a")
        assert (receipt.task_id, receipt.accepted) == (task.task_id, True)
        [log] = await combiner.until("log")
        assert (log.client_id, log.log.text) == ("a", "done")


async def test_a_second_stream_of_a_client_ends_the_first(served, combiner):
    """The first may be dead without our knowing; the client stays connected."""
    async with served() as caller:
        client = await caller(Role.CLIENT)
        first = await client.welcomed()
        second = await client.welcomed()

        assert await first.read() is grpc.aio.EOF
        assert list(combiner.snapshot().clients) == ["a"]
        second.cancel()


async def test_an_answer_to_another_clients_task_ends_the_stream(served, phase_of):
    """The error says why."""
    async with served() as caller:
        controller, other = await caller(Role.CONTROLLER), await caller(Role.CLIENT, "b")
        phase = phase_of("a")
        await controller.call(controller.rounds.Start, phase)
        stream = await other.welcomed()
        result = {"task_id": task_id_of(phase.phase_id, "a"), "update": {"num_examples": 2}}
        await stream.write(tasks_pb2.ClientMessage(result=result))

        with pytest.raises(PermissionDenied), ours():
            await stream.read()


async def test_a_stream_that_breaks_is_told(served, combiner):
    """The client is gone from the network as soon as its stream is."""
    async with served() as caller:
        client, controller = await caller(Role.CLIENT), await caller(Role.CONTROLLER)
        watch = await controller.watch()
        await watch.read()
        stream = await client.welcomed()
        joined = await watch.read()
        stream.cancel()
        left = await watch.read()

        assert joined.WhichOneof("event") == "client_joined"
        assert (left.WhichOneof("event"), left.client_id) == ("client_left", "a")
        assert list(combiner.snapshot().clients) == []


async def test_a_watch_begins_with_a_snapshot_and_takes_acknowledgements(
    served, combiner, phase_of
):
    """Acknowledged news does not come again."""
    async with served() as caller:
        controller = await caller(Role.CONTROLLER)
        phase = phase_of("a")
        await controller.call(controller.rounds.Start, phase)
        await controller.call(controller.rounds.Close, combiner.order(phase))
        watch = await controller.watch()
        snapshot = await watch.read()
        events = [await watch.read(), await watch.read()]
        epoch = snapshot.snapshot.epoch
        await watch.write(acknowledgement(epoch, events[-1].number))
        await watch.done_writing()
        await eventually(lambda: not combiner.kept())
        watch.cancel()
        again = await controller.watch()
        await again.read()
        combiner.engine.outbox.mention(ClientLeft(), "new")

        assert [each.phase_id for each in snapshot.snapshot.phases] == [phase.phase_id]
        assert [each.WhichOneof("event") for each in events] == ["unanswered", "phase_closed"]
        assert (await again.read()).client_id == "new"
        again.cancel()


async def test_a_watch_must_name_its_controller(served):
    """In its first message: none, an empty one and an endless one are refused by the field."""
    async with served() as caller:
        controller = await caller(Role.CONTROLLER)
        silent = controller.rounds.Watch(metadata=controller.metadata)
        await silent.done_writing()
        nameless = await controller.watch("")
        endless = await controller.watch("x" * (limits.name_characters_max + 1))

        for watch in (silent, nameless, endless):
            with pytest.raises(InvalidInput) as refusal, ours():
                await watch.read()
            assert refusal.value.field == "controller"


async def test_two_controllers_watch_and_each_acknowledges_its_own(served, combiner, phase_of):
    """A second watch of one of them ends its first."""
    async with served() as caller:
        controller = await caller(Role.CONTROLLER)
        phases = {
            name: phase_of("a", session_id=name, authority={"controller": name, "session_id": name})
            for name in ("one", "two")
        }
        for phase in phases.values():
            await controller.call(controller.rounds.Start, phase)
            order = rounds_pb2.PhaseOrder(phase_id=phase.phase_id, authority=phase.authority)
            await controller.call(controller.rounds.Close, order)
        one, two = await controller.watch("one"), await controller.watch("two")
        epoch = (await one.read()).snapshot.epoch
        await two.read()
        events = [await each.read() for each in (one, one, two, two)]

        assert [each.phase.session_id for each in events] == ["one", "one", "two", "two"]
        assert [each.number for each in events] == [1, 2, 1, 2]
        await two.write(acknowledgement(epoch, 2))
        await eventually(lambda: len(combiner.kept()) == 2)
        again = await controller.watch("one")
        await again.read()
        assert await one.read() is grpc.aio.EOF
        assert (await again.read()).phase.session_id == "one"


async def test_a_watch_that_ends_is_forgotten(served, combiner):
    """The queue of the ended watch grows no more."""
    async with served() as caller:
        controller = await caller(Role.CONTROLLER)
        watch = await controller.watch()
        await watch.read()
        assert combiner.engine.outbox.watched.by_somebody.is_set()

        watch.cancel()
        await eventually(combiner.engine.outbox.watched.by_nobody.is_set)


async def test_the_controllers_calls_say_what_is_wrong(served, combiner, phase_of):
    """Each call fails with its own error and field."""
    async with served() as caller:
        controller = await caller(Role.CONTROLLER)
        rounds, unknown = controller.rounds, combiner.order(str(uuid.uuid4()))

        with pytest.raises(NotFound):
            await controller.call(rounds.Close, unknown)
        await controller.call(rounds.Release, unknown)
        with pytest.raises(InvalidInput) as refusal:
            await controller.call(rounds.Start, phase_of("a", phase_id="no id"))
        assert refusal.value.field == "phase_id"
        reduction = rounds_pb2.Reduction(
            model_id="no id", helper="numpyhelper", authority=AUTHORITY, partials=[{}]
        )
        with pytest.raises(InvalidInput) as refusal:
            await controller.call(rounds.Reduce, reduction)
        assert refusal.value.field == "model_id"
