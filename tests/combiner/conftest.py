"""A combiner without its server: real stores, real files, models of three numbers."""

import asyncio
import inspect
import uuid

import numpy as np
import pytest

from fednet.clocks import SteadyClock
from fednet.combiner.engine.engine import Engine
from fednet.combiner.engine.spool import Spool
from fednet.combiner.facades.wire.from_clients import capabilities_of, log_record_of
from fednet.combiner.facades.wire.from_controllers import (
    assignment_of,
    phase_order_of,
    plan_order_of,
    reduction_of,
    withdrawal_of,
)
from fednet.combiner.facades.wire.tasks_service import take_result
from fednet.combiner.facades.wire.to_clients import WireStream
from fednet.combiner.facades.wire.to_controllers import (
    event_message,
    planned_message,
    reduced_message,
)
from fednet.combiner.machine.assignment import task_id_of
from fednet.parameters import load_parameters, write_model
from fednet.storage import open_blobs
from fednet.wire import common_pb2, rounds_pb2, tasks_pb2


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run a test that is a coroutine in an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


class Says:
    """The messages of clients, as the wire has them."""

    @staticmethod
    def update(phase, client, num_examples=1.0, metadata_json=""):
        update = tasks_pb2.Update(num_examples=num_examples, metadata_json=metadata_json)
        return tasks_pb2.TaskResult(task_id=task_id_of(phase.phase_id, client), update=update)

    @staticmethod
    def validation(phase, client, metrics_json='{"accuracy": 0.5}'):
        validation = tasks_pb2.Validation(metrics_json=metrics_json)
        return tasks_pb2.TaskResult(
            task_id=task_id_of(phase.phase_id, client), validation=validation
        )

    @staticmethod
    def prediction(phase, client, result_json='{"labels": [1, 2]}'):
        prediction = tasks_pb2.Prediction(result_json=result_json)
        return tasks_pb2.TaskResult(
            task_id=task_id_of(phase.phase_id, client), prediction=prediction
        )

    @staticmethod
    def exchange(phase, client, value_json="", value=b""):
        exchange = tasks_pb2.Exchange(value_json=value_json, value=value)
        return tasks_pb2.TaskResult(task_id=task_id_of(phase.phase_id, client), exchange=exchange)

    @staticmethod
    def failure(phase, client, message="boom", traceback="line 1"):
        failure = tasks_pb2.Failure(message=message, traceback=traceback)
        return tasks_pb2.TaskResult(task_id=task_id_of(phase.phase_id, client), failure=failure)


@pytest.fixture
def says():
    return Says()


AUTHORITY = {"controller": "controller-1", "term": 1, "session_id": "session"}


class Combiner:
    """An engine and its folder, spoken to with messages of the wire.

    `restart` leaves the old engine as a `kill -9` would, and begins on what is on disk.
    """

    def __init__(self, folder, store, name="combiner-1"):
        self.folder = folder
        self.store = store
        self.name = name
        self.options = {"clients_max": 10, "threads": 2}

    def begin(self):
        self.spool = Spool(self.folder)
        self.engine = Engine(self.name, self.spool, self.store, **self.options)

    async def restart(self):
        self.begin()
        await self.engine.recover()

    async def close(self):
        await self.engine.close()

    # As a controller

    async def start(self, phase):
        await self.engine.controllers.start(assignment_of(phase))

    def order(self, phase, **authority):
        phase_id = phase if isinstance(phase, str) else phase.phase_id
        return rounds_pb2.PhaseOrder(phase_id=phase_id, authority=AUTHORITY | authority)

    async def close_early(self, phase, **authority):
        await self.engine.controllers.close_early(*phase_order_of(self.order(phase, **authority)))

    async def release(self, phase, **authority):
        await self.engine.controllers.release(*phase_order_of(self.order(phase, **authority)))

    async def withdraw(self, phase, *clients, **authority):
        withdrawal = rounds_pb2.Withdrawal(
            phase_id=phase.phase_id, clients=clients, authority=AUTHORITY | authority
        )
        return await self.engine.controllers.withdraw(*withdrawal_of(withdrawal))

    async def reduce(self, reduction):
        if not reduction.HasField("authority"):
            reduction.authority.CopyFrom(rounds_pb2.Authority(**AUTHORITY))
        return reduced_message(await self.engine.controllers.reduce(reduction_of(reduction)))

    async def plan(self, request):
        if not request.HasField("authority"):
            request.authority.CopyFrom(rounds_pb2.Authority(**AUTHORITY))
        return planned_message(await self.engine.controllers.plan(plan_order_of(request)))

    def snapshot(self):
        return event_message(self.engine.controllers.snapshot()).snapshot

    def phases(self):
        return [each.phase_id for each in self.snapshot().phases]

    def kept(self):
        """Return the news that no controller has acknowledged."""
        mailboxes = self.engine.outbox._mailboxes.values()
        return [event_message(each.envelope) for mailbox in mailboxes for each in mailbox._kept]

    def partial_of(self, phase):
        """Return the digest of the phase's shared partial as the controllers are told it; None without one."""
        told = [each.phase_closed for each in self.kept() if each.phase.phase_id == phase.phase_id]
        told = [each for each in told if each.HasField("partial")]
        return told[-1].partial if told else None

    async def until(self, kind, count=1, controller="controller-1"):
        """Return the first events of a kind that a controller is told, once there are so many."""
        found = []
        told = self.engine.controllers.watch(controller)
        while len(found) < count:
            event = event_message(await anext(told))
            found += [event] if event.WhichOneof("event") == kind else []
        await told.aclose()
        return found

    async def acknowledge_all(self, controller="controller-1"):
        outbox = self.engine.outbox
        outbox.acknowledge(controller, outbox.epoch, 10**9)
        await asyncio.sleep(0)

    # As a client

    def connect(self, client, hello=None):
        hello = hello or tasks_pb2.Hello(kinds=["TRAIN", "VALIDATE", "PREDICT", "EXCHANGE"])
        stream = WireStream(client, capabilities_of(hello))
        self.engine.clients.client_here(stream)
        return stream

    def disconnect(self, stream):
        self.engine.clients.client_gone(stream)

    def result(self, client, result):
        take_result(self.engine.clients, client, result)

    def log(self, client, record):
        self.engine.clients.log(client, log_record_of(record))

    def upload_place(self, client, task_id):
        return self.engine.uploads.place(client, task_id)

    def upload(self, phase, client, *values):
        """Put an update where an upload would have put it."""
        place = self.upload_place(client, task_id_of(phase.phase_id, client))
        digest = write_model(place.path, [np.array(values, np.float32)])
        self.engine.uploads.arrived(place, digest)

    def answer(self, phase, client, *values, num_examples=1.0):
        """Upload an update and say so."""
        self.upload(phase, client, *values)
        self.result(client, Says.update(phase, client, num_examples))

    async def reduced(self, phase, tmp_path, *, updates, weight):
        """Return the parameters of the model that the partial of one phase makes."""
        reduction = rounds_pb2.Reduction(
            model_id=str(uuid.uuid4()),
            base=phase.model,
            aggregator="fedavg",
            helper=phase.helper,
        )
        reduction.partials.add(
            phase_id=phase.phase_id,
            combiner=self.name,
            updates=updates,
            weight=weight,
            digest=self.partial_of(phase) or common_pb2.Digest(text="0" * 64),
        )
        ref = (await self.reduce(reduction)).model
        path = tmp_path / "reduced.npz"
        path.write_bytes(b"".join(self.store.read(f"models/{ref.id}")))
        return load_parameters(path)


def messages(connection):
    """Return all messages that wait to be sent to a client, with what each is; None for the end of the stream."""
    found = []
    while not connection.outgoing.empty():
        message = connection.outgoing.get_nowait()
        kind = message and message.WhichOneof("message")
        found.append((kind, message and getattr(message, kind)))
    return found


@pytest.fixture
def sent():
    """Return a function that gives and removes what waits to be sent to a client."""
    return messages


@pytest.fixture
def another_combiner(tmp_path, store):
    """Return a function that makes a further combiner on the same store."""
    return lambda name: Combiner(tmp_path / name, store, name)


@pytest.fixture(params=["memory", "directory"])
def store(request, tmp_path):
    url = "memory://" if request.param == "memory" else f"file://{tmp_path / 'blobs'}"
    opened = open_blobs(url)
    yield opened
    opened.close()


@pytest.fixture
def combiner(tmp_path, store):
    return Combiner(tmp_path / "spool", store)


@pytest.fixture
def put_model(store, tmp_path):
    """Return a function that puts a model into the store; gives its reference."""

    def put(*arrays):
        path = tmp_path / "model.npz"
        digest = write_model(path, arrays or [np.zeros(3, np.float32)])
        ref = common_pb2.BlobRef(
            kind=common_pb2.BlobRef.MODEL,
            id=str(uuid.uuid4()),
            size_bytes=digest.size_bytes,
            digest=digest.text,
        )
        store.put_file(f"models/{ref.id}", path)
        return ref

    return put


@pytest.fixture
def phase_of(put_model):
    """Return a function that makes a phase's request."""

    def make(*clients, **changes):
        fields = {
            "phase_id": str(uuid.uuid4()),
            "session_id": "session",
            "kind": tasks_pb2.TRAIN,
            "clients": clients,
            "seconds_max": 3600.0,
            "aggregator": "fedavg",
            "helper": "numpyhelper",
        } | changes
        fields["authority"] = AUTHORITY | fields.get("authority", {})
        fields.setdefault("model", put_model())
        return rounds_pb2.Phase(**fields)

    return make


@pytest.fixture
def hours_later(monkeypatch):
    """Return a function that sets the clocks of phases forward, past all deadlines."""

    def pass_hours():
        real = SteadyClock.__call__
        monkeypatch.setattr(SteadyClock, "__call__", lambda clock: real(clock) + 5 * 3600)

    return pass_hours
