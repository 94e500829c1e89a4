"""The three services over loopback, with real tokens."""

import asyncio
import contextlib
import hashlib
import io
import uuid

import google_crc32c
import grpc
import numpy as np
import pytest
import requests
from grpc_health.v1 import health_pb2, health_pb2_grpc

from fednet import limits
from fednet.combiner.facades.wire.serving import OPEN_SERVICES, ROLES, serve_wire
from fednet.combiner.machine.assignment import task_id_of
from fednet.combiner.machine.news import ClientLeft
from fednet.combiner.machine.values import BlobKind
from fednet.errors import (
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    TransferCorrupted,
    Unauthenticated,
    Unavailable,
)
from fednet.identity import Identity, Role, Signer
from fednet.parameters import write_model_to
from fednet.rpc import TokenGate, channel_options, from_rpc_error
from fednet.storage import open_blobs
from fednet.wire import (
    models_pb2,
    models_pb2_grpc,
    rounds_pb2,
    rounds_pb2_grpc,
    tasks_pb2,
    tasks_pb2_grpc,
)

MIB = limits.chunk_bytes
AUTHORITY = {"controller": "controller-1", "term": 1, "session_id": "session"}


@pytest.fixture
def store():
    """A distant store, so that models are copied to be downloaded."""
    opened = open_blobs("memory://")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    return Signer.from_folder(tmp_path_factory.mktemp("key"))


@pytest.fixture
def served(combiner, signer):
    """Serves the combiner inside a block; gives what makes a channel for a role."""

    @contextlib.asynccontextmanager
    async def serve():
        await combiner.restart()
        gate = TokenGate(signer.verifier.verify, ROLES, OPEN_SERVICES)
        server = grpc.aio.server(interceptors=[gate], options=channel_options(server=True))
        port = server.add_insecure_port("127.0.0.1:0")
        await serve_wire(server, combiner.engine)
        async with contextlib.AsyncExitStack() as channels:

            async def caller(role=None, id_="a"):
                channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=channel_options())
                token = signer.sign(Identity(role, id_, id_)) if role else None
                return Caller(await channels.enter_async_context(channel), token)

            yield caller
        await server.stop(None)
        await combiner.close()

    return serve


class Caller:
    """The stubs of one channel, with its token on every call; errors come as ours."""

    def __init__(self, channel, token):
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.tasks = tasks_pb2_grpc.TasksStub(channel)
        self.models = models_pb2_grpc.ModelsStub(channel)
        self.rounds = rounds_pb2_grpc.RoundsStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)

    def connect(self):
        return self.tasks.Connect(metadata=self.metadata)

    async def welcomed(self):
        stream = self.connect()
        await stream.write(tasks_pb2.ClientMessage(hello={"kinds": ["TRAIN"]}))
        assert (await stream.read()).WhichOneof("message") == "welcome"
        return stream

    async def watch(self, name="controller-1"):
        watch = self.rounds.Watch(metadata=self.metadata)
        await watch.write(rounds_pb2.Acknowledgement(controller=name))
        return watch

    async def received(self, task):
        with ours():
            request = models_pb2.UploadId(task_id=task)
            return (await self.models.Received(request, metadata=self.metadata)).offset_bytes

    async def has_sent(self, task, size_bytes):
        """Wait until so much of an upload that is under way has arrived."""
        while await self.received(task) < size_bytes:
            pass

    async def upload(self, parts):
        with ours():
            return await self.models.Upload(iter(parts), metadata=self.metadata)

    async def part(self, task, content, number=1):
        request = models_pb2.PartRequest(task_id=task, size_bytes=len(content), number=number)
        return await self.call(self.models.LocatePart, request)

    async def put(self, task, content):
        """Put all parts of an update where they belong; their ETags."""
        etags, is_last = [], False
        while not is_last:
            place = await self.part(task, content, len(etags) + 1)
            data = content[place.offset_bytes : place.offset_bytes + place.size_bytes]
            answer = http("PUT", place.url, data=data)
            etags, is_last = [*etags, answer.headers["ETag"]], place.is_last
        return etags

    async def complete(self, task, content, etags):
        digest = hashlib.sha256(content).hexdigest()
        request = models_pb2.UploadedParts(
            task_id=task, size_bytes=len(content), sha256=digest, etags=etags
        )
        return await self.call(self.models.CompleteUpload, request)

    async def url_of(self, ref):
        request = models_pb2.DownloadRequest(kind=ref.kind, id=ref.id)
        return (await self.call(self.models.LocateDownload, request)).url

    async def download(self, ref, offset=0):
        request = models_pb2.DownloadRequest(kind=ref.kind, id=ref.id, offset_bytes=offset)
        with ours():
            parts = self.models.Download(request, metadata=self.metadata)
            return b"".join([part.chunk.data async for part in parts])

    async def call(self, method, request):
        with ours():
            return await method(request, metadata=self.metadata)


def http(method, url, **options):
    return requests.request(method, url, timeout=30, **options)


async def eventually(condition):
    """Wait for what the server does in this same event loop."""
    while not condition():  # noqa: ASYNC110  there is nothing else to wait on from outside
        await asyncio.sleep(0)


@contextlib.contextmanager
def ours():
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error


def header(task, content, **changes):
    fields = {
        "task_id": task,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return models_pb2.UploadPart(header=fields | changes)


def chunks(content, start=0):
    for at in range(start, len(content), MIB):
        data = content[at : at + MIB]
        yield models_pb2.UploadPart(chunk={"data": data, "crc32c": google_crc32c.value(data)})


@pytest.fixture
def large(put_model):
    """A model of three pieces, and an update of it."""
    array = np.arange(700_000, dtype=np.float32)
    return put_model(array), update_of(array)


def update_of(array):
    file = io.BytesIO()
    write_model_to(file, [array])
    return file.getvalue()


METHODS = [
    ("tasks", "Connect", tasks_pb2.ClientMessage),
    ("models", "Received", models_pb2.UploadId),
    ("models", "Upload", models_pb2.UploadPart),
    ("models", "Download", models_pb2.DownloadRequest),
    ("models", "LocateDownload", models_pb2.DownloadRequest),
    ("models", "LocatePart", models_pb2.PartRequest),
    ("models", "CompleteUpload", models_pb2.UploadedParts),
    ("rounds", "Start", rounds_pb2.Phase),
    ("rounds", "Withdraw", rounds_pb2.Withdrawal),
    ("rounds", "Plan", rounds_pb2.PlanRequest),
    ("rounds", "Close", rounds_pb2.PhaseOrder),
    ("rounds", "Release", rounds_pb2.PhaseOrder),
    ("rounds", "Reduce", rounds_pb2.Reduction),
    ("rounds", "Watch", rounds_pb2.Acknowledgement),
]


async def answers_of(caller, service, method, message):
    """Everything that a call answers, however it streams."""
    call = getattr(getattr(caller, service), method)
    streams_up = isinstance(
        call, grpc.aio.StreamUnaryMultiCallable | grpc.aio.StreamStreamMultiCallable
    )
    made = call(iter([message]) if streams_up else message, metadata=caller.metadata)
    with ours():
        if hasattr(made, "__aiter__"):
            return [answer async for answer in made]
        return [await made]


@pytest.mark.parametrize(("service", "method", "message"), METHODS)
async def test_no_method_answers_without_the_right_token(served, service, method, message):
    """No token, no token of ours, a token of another role: refused, each with its error."""
    right = "controller" if service == "rounds" else "client"
    async with served() as caller:
        nobody, forger = await caller(), await caller()
        forger.metadata = [("authorization", "Bearer not.a.token")]

        for stranger in (nobody, forger):
            with pytest.raises(Unauthenticated):
                await answers_of(stranger, service, method, message())
        for role in set(Role) - {Role(right)}:
            with pytest.raises(PermissionDenied):
                await answers_of(await caller(role), service, method, message())


def test_the_list_of_methods_is_whole():
    """A new method must be in the test above."""
    services = (
        tasks_pb2.DESCRIPTOR.services_by_name["Tasks"],
        models_pb2.DESCRIPTOR.services_by_name["Models"],
        rounds_pb2.DESCRIPTOR.services_by_name["Rounds"],
    )

    known = {(service, method) for service, method, _ in METHODS}

    assert known == {(each.name.lower(), m.name) for each in services for m in each.methods}
    assert set(ROLES) == {each.full_name for each in services}


async def test_anybody_may_ask_for_the_health(served):
    """Whoever balances the load has no token."""
    async with served() as caller:
        nobody = await caller()

        answer = await nobody.health.Check(health_pb2.HealthCheckRequest())

        assert answer.status == health_pb2.HealthCheckResponse.SERVING


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


async def test_tasks_go_down_and_answers_go_up(served, combiner, phase_of):
    """Over one stream; a log record on it reaches the controller."""
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
    """With the error that says why."""
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
    """What was acknowledged does not come again."""
    async with served() as caller:
        controller = await caller(Role.CONTROLLER)
        phase = phase_of("a")
        await controller.call(controller.rounds.Start, phase)
        await controller.call(controller.rounds.Close, combiner.order(phase))
        watch = await controller.watch()
        snapshot = await watch.read()
        events = [await watch.read(), await watch.read()]
        epoch = snapshot.snapshot.epoch
        await watch.write(rounds_pb2.Acknowledgement(epoch=epoch, number=events[-1].number))
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
        await two.write(rounds_pb2.Acknowledgement(epoch=epoch, number=2))
        await eventually(lambda: len(combiner.kept()) == 2)
        again = await controller.watch("one")
        await again.read()
        assert await one.read() is grpc.aio.EOF
        assert (await again.read()).phase.session_id == "one"


async def test_a_later_update_of_a_task_replaces_the_earlier(uploading, combiner):
    """The one that was refused in an earlier attempt lies here still; what is the same is not sent again."""
    async with uploading() as (_, client, task, update):
        other = update_of(np.ones(700_000, dtype=np.float32))
        await client.upload([header(task, other), *chunks(other)])

        await client.upload([header(task, update), *chunks(update)])
        await client.upload([header(task, update)])

        [path] = combiner.folder.glob(f"phases/*/{task}")
        assert path.read_bytes() == update


async def test_a_watch_that_ends_is_forgotten(served, combiner):
    """Its queue grows no more."""
    async with served() as caller:
        controller = await caller(Role.CONTROLLER)
        watch = await controller.watch()
        await watch.read()
        assert combiner.engine.outbox.watched.by_somebody.is_set()

        watch.cancel()
        await eventually(combiner.engine.outbox.watched.by_nobody.is_set)


async def test_the_controllers_calls_say_what_is_wrong(served, combiner, phase_of):
    """Each with the error and the field."""
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


@pytest.fixture
def uploading(served, phase_of, large):
    """Serves a combiner with one open task; gives the client, the task and an update of three pieces."""

    @contextlib.asynccontextmanager
    async def begin():
        model, update = large
        phase = phase_of("a", model=model)
        async with served() as caller:
            controller, client = await caller(Role.CONTROLLER), await caller(Role.CLIENT)
            await controller.call(controller.rounds.Start, phase)
            yield caller, client, task_id_of(phase.phase_id, "a"), update

    return begin


async def test_an_upload_goes_on_where_it_broke_off(uploading):
    """The receipt comes when all is here and right; once more, it comes at once."""
    async with uploading() as (_, client, task, update):
        broken = client.models.Upload(metadata=client.metadata)
        await broken.write(header(task, update))
        await broken.write(next(chunks(update)))
        await client.has_sent(task, MIB)
        broken.cancel()

        rest = [header(task, update, offset_bytes=MIB), *chunks(update, MIB)]
        receipt = await client.upload(rest)

        assert receipt.sha256 == hashlib.sha256(update).hexdigest()
        assert await client.received(task) == len(update)
        again = await client.upload([header(task, update, offset_bytes=len(update))])
        assert again.size_bytes == len(update)


async def test_a_piece_that_was_altered_on_the_way_is_refused(uploading):
    """What came before it stays, to go on from."""
    async with uploading() as (_, client, task, update):
        first, second, *_ = chunks(update)
        second.chunk.crc32c ^= 1

        with pytest.raises(TransferCorrupted, match="checksum"):
            await client.upload([header(task, update), first, second])

        assert await client.received(task) == MIB


async def test_a_file_that_is_not_the_announced_one_is_thrown_away(uploading):
    """The digest is over the whole; the client begins anew."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(TransferCorrupted, match="SHA-256"):
            await client.upload([header(task, update, sha256="0" * 64), *chunks(update)])

        assert await client.received(task) == 0


async def test_more_or_fewer_bytes_than_announced_are_refused(uploading):
    """Fewer can be continued; more cannot be right."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(TransferCorrupted, match="ended after"):
            await client.upload([header(task, update), next(chunks(update))])
        rest = [header(task, update[:-1], offset_bytes=MIB), *chunks(update, MIB)]
        with pytest.raises(TransferCorrupted, match="More than the announced"):
            await client.upload(rest)


async def test_an_offset_that_does_not_fit_is_refused(uploading):
    """There is no hole in a file."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(TransferCorrupted, match="resumes at byte"):
            await client.upload([header(task, update, offset_bytes=MIB), *chunks(update, MIB)])


async def test_a_file_that_no_update_could_need_is_refused(uploading):
    """Before its first byte."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(LimitExceeded) as refusal:
            await client.upload([header(task, update, size_bytes=100 * len(update))])

        assert refusal.value.field == "size_bytes"


async def test_an_upload_must_begin_with_its_header(uploading):
    """Neither pieces nor nothing."""
    async with uploading() as (_, client, _, update):
        with pytest.raises(InvalidInput, match="header"):
            await client.upload(chunks(update))
        with pytest.raises(InvalidInput, match="header"):
            await client.upload([])


async def test_of_two_uploads_of_one_task_the_newer_goes_on(uploading):
    """The older one's connection may be dead without our knowing; it is told, if it is not."""
    async with uploading() as (_, client, task, update):
        older = client.models.Upload(metadata=client.metadata)
        await older.write(header(task, update))
        await older.write(next(chunks(update)))
        await client.has_sent(task, MIB)

        rest = [header(task, update, offset_bytes=MIB), *chunks(update, MIB)]
        receipt = await client.upload(rest)

        assert receipt.size_bytes == len(update)
        with pytest.raises(Conflict, match="newer upload"), ours():
            await older


async def test_nobody_uploads_to_another_clients_task(uploading):
    """And so cannot end its upload either."""
    async with uploading() as (caller, _, task, update):
        other = await caller(Role.CLIENT, "b")

        with pytest.raises(PermissionDenied):
            await other.upload([header(task, update), *chunks(update)])
        with pytest.raises(PermissionDenied):
            await other.received(task)
        with pytest.raises(NotFound):
            await other.upload([header("no such task", update), *chunks(update)])


async def test_an_upload_whose_phase_is_released_meanwhile_is_refused(uploading, combiner):
    """As something that may pass, so that the client asks, and hears that nobody waits."""
    async with uploading() as (caller, client, task, update):
        controller = await caller(Role.CONTROLLER)
        call = client.models.Upload(metadata=client.metadata)
        await call.write(header(task, update))
        first, *rest = chunks(update)
        await call.write(first)
        await client.has_sent(task, MIB)
        watch = await controller.watch()
        [held] = (await watch.read()).snapshot.phases
        watch.cancel()

        await controller.call(controller.rounds.Release, combiner.order(held.phase_id))
        for part in rest:
            await call.write(part)
        await call.done_writing()
        with pytest.raises(Unavailable), ours():
            await call

        with pytest.raises(NotFound):
            await client.received(task)


@pytest.mark.parametrize("offset", [0, 5, MIB, MIB + 1])
async def test_a_model_is_downloaded_from_an_offset_on(uploading, large, combiner, offset):
    """Each piece with its checksum; the whole is what the store has."""
    model, _ = large
    async with uploading() as (_, client, _, _):
        whole = b"".join(combiner.store.read(f"models/{model.id}"))

        assert await client.download(model, offset) == whole[offset:]


async def test_a_download_of_nothing_is_refused(uploading, large, put_model):
    """An offset beyond the end, a model that no running round uses."""
    model, _ = large
    async with uploading() as (_, client, _, _):
        assert await client.download(model, model.size_bytes) == b""
        for offset in (model.size_bytes + 1, 2**64 - 1):
            with pytest.raises(InvalidInput, match="beyond the end"):
                await client.download(model, offset)
        with pytest.raises(NotFound):
            await client.download(put_model())


async def test_a_file_that_cannot_be_read_is_worth_another_try(uploading, large, combiner):
    """What the system refuses is no unknown error, and names no path of this machine."""
    model, _ = large
    async with uploading() as (_, client, _, _):
        combiner.engine.local.path(BlobKind.MODEL, model.id).unlink()

        with pytest.raises(Unavailable, match=r"cannot use a file: No such file or directory\."):
            await client.download(model)


async def test_a_store_without_urls_gives_none(uploading, large):
    """So that the client takes the other way."""
    async with uploading() as (_, client, task, update):
        assert not await client.url_of(large[0])
        assert not (await client.part(task, update)).url


class TestByWayOfTheObjectStore:
    """The same files, put into the bucket and fetched from it by URLs."""

    @pytest.fixture
    def store(self, s3_url):
        opened = open_blobs(s3_url)
        yield opened
        opened.close()

    @pytest.fixture
    def in_parts(self, served, combiner, phase_of, put_model):
        """Serves a combiner with one open task; gives the client, the task and an update of three parts."""
        combiner.options["object_part_bytes"] = 5 * MIB
        array = np.arange(3_000_000, dtype=np.float32)
        phase = phase_of("a", model=put_model(array))

        @contextlib.asynccontextmanager
        async def begin():
            async with served() as caller:
                controller, client = await caller(Role.CONTROLLER), await caller(Role.CLIENT)
                await controller.call(controller.rounds.Start, phase)
                yield client, task_id_of(phase.phase_id, "a"), update_of(array)

        return begin

    @staticmethod
    def spooled(combiner, task):
        [path] = combiner.folder.glob(f"phases/*/{task}")
        return path.read_bytes()

    @staticmethod
    def updates(store):
        return list(store.list("updates/"))

    async def test_an_update_comes_into_the_spool_and_goes_with_its_phase(
        self, uploading, combiner, store
    ):
        """It lies under a key of the combiner's choice until then."""
        async with uploading() as (caller, client, task, update):
            [phase_id] = combiner.phases()

            etags = await client.put(task, update)
            receipt = await client.complete(task, update, etags)

            assert receipt.sha256 == hashlib.sha256(update).hexdigest()
            assert self.spooled(combiner, task) == update
            assert self.updates(store) == [f"updates/combiner-1/{phase_id}/{task}"]
            controller = await caller(Role.CONTROLLER)
            await controller.call(controller.rounds.Release, combiner.order(phase_id))
            assert self.updates(store) == []

    async def test_a_large_update_goes_in_parts(self, in_parts, combiner):
        """Of which the last is what is left; to complete it again changes nothing."""
        async with in_parts() as (client, task, update):
            etags = await client.put(task, update)
            receipts = [await client.complete(task, update, etags) for _ in range(2)]

            assert len(etags) == 3
            assert receipts[0] == receipts[1]
            assert self.spooled(combiner, task) == update

    async def test_a_combiner_that_was_killed_over_an_update_goes_on_with_it(
        self, in_parts, combiner
    ):
        """Its parts were joined, some of it was fetched, and nothing of that was kept."""
        async with in_parts() as (client, task, update):
            etags = await client.put(task, update)
            place = combiner.upload_place("a", task)
            upload_id = combiner.spool.object(*place.object)
            combiner.engine.objects.completed(place.object, len(update), etags, 0)
            combiner.spool.keep_object(*place.object, upload_id)
            place.path.with_name(f"{task}.part").write_bytes(update[:1000])

        async with in_parts() as (client, task, update):
            await client.complete(task, update, etags)

            assert self.spooled(combiner, task) == update

    async def test_an_upload_in_parts_begins_anew_with_the_first(self, in_parts, store):
        """What came before is aborted; a further part needs a first; wrong parts are sent again."""
        async with in_parts() as (client, task, update):
            with pytest.raises(TransferCorrupted, match="sent again"):
                await client.part(task, update, 2)
            old = await client.part(task, update)
            etags = await client.put(task, update)

            assert http("PUT", old.url, data=b"x").status_code == 404
            with pytest.raises(TransferCorrupted, match="sent again"):
                await client.complete(task, update, ["wrong", *etags[1:]])
            assert self.updates(store) == []

    async def test_what_is_not_the_announced_update_is_deleted_and_sent_again(
        self, uploading, combiner, store
    ):
        """Other bytes, more bytes, none at all."""
        async with uploading() as (_, client, task, update):
            for wrong in (bytes(len(update)), update + b"x"):
                url = (await client.part(task, update)).url
                etag = http("PUT", url, data=wrong).headers["ETag"]
                with pytest.raises(TransferCorrupted, match="sent again"):
                    await client.complete(task, update, [etag])
                assert self.updates(store) == []
            with pytest.raises(TransferCorrupted, match="has 0 bytes"):
                await client.complete(task, update, [etag])

            await client.complete(task, update, await client.put(task, update))

            assert self.spooled(combiner, task) == update

    async def test_a_part_that_an_update_does_not_have_is_refused(self, uploading):
        """So is an update that is too large, or another client's, or that nobody waits for."""
        async with uploading() as (caller, client, task, update):
            other = await caller(Role.CLIENT, "b")

            for number in (0, 2):
                with pytest.raises(InvalidInput, match="parts 1 to 1"):
                    await client.part(task, update, number)
            with pytest.raises(InvalidInput, match="1 parts, not 0"):
                await client.complete(task, update, [])
            for call in (client.part(task, 9 * update), client.complete(task, 9 * update, ["x"])):
                with pytest.raises(LimitExceeded):
                    await call
            for call in (other.part(task, update), other.complete(task, update, ["x"])):
                with pytest.raises(PermissionDenied):
                    await call
            with pytest.raises(NotFound):
                await client.part("no such task", update)

    async def test_a_model_is_fetched_by_a_url(self, uploading, large, store, put_model):
        """One that a running phase uses, and no other; the URL is good for nothing else."""
        async with uploading() as (_, client, _, _):
            url = await client.url_of(large[0])

            answer = http("GET", url, headers={"Range": "bytes=7-"})

            assert answer.content == b"".join(store.read(f"models/{large[0].id}", 7))
            assert http("PUT", url, data=b"x").status_code == 403
            with pytest.raises(NotFound):
                await client.url_of(put_model())

    async def test_what_came_after_its_phase_goes_at_the_next_start(self, combiner, store):
        """What other combiners have stays."""
        store.put(f"updates/combiner-1/{uuid.uuid4()}/a", [b"late"])
        others = f"updates/combiner-10/{uuid.uuid4()}/a"
        store.put(others, [b"of another combiner"])

        await combiner.restart()

        assert self.updates(store) == [others]
        await combiner.close()
