"""Files by way of the object store, put into the bucket and fetched from it by URLs."""

import contextlib
import uuid

import numpy as np
import pytest
from wire_calls import http, update_of

from fednet import limits
from fednet.combiner.machine.assignment import task_id_of
from fednet.contract import Role
from fednet.digests import Algorithm, digest_of
from fednet.errors import (
    InvalidInput,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    TransferCorrupted,
)
from fednet.storage import open_blobs

MIB = limits.chunk_bytes
AUTHORITY = {"controller": "controller-1", "term": 1, "session_id": "session"}


class TestByWayOfTheObjectStore:
    """The same files, put into the bucket and fetched from it by URLs."""

    @pytest.fixture
    def store(self, s3_url):
        opened = open_blobs(s3_url)
        yield opened
        opened.close()

    @pytest.fixture
    def in_parts(self, served, combiner, phase_of, put_model):
        """Give a function that serves a combiner with one open task; it gives the client, the task and an update."""
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

            assert receipt.digest == digest_of(update, Algorithm.BLAKE3).text
            assert self.spooled(combiner, task) == update
            assert self.updates(store) == [f"updates/combiner-1/{phase_id}/{task}"]
            controller = await caller(Role.CONTROLLER)
            await controller.call(controller.rounds.Release, combiner.order(phase_id))
            assert self.updates(store) == []

    async def test_a_large_update_goes_in_parts(self, in_parts, combiner):
        """The last part is the rest; a second completion changes nothing."""
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
        """Earlier parts are aborted; a further part needs a first one; wrong parts are sent again."""
        async with in_parts() as (client, task, update):
            with pytest.raises(TransferCorrupted, match=r"(?i)send (it|them) again"):
                await client.part(task, update, 2)
            old = await client.part(task, update)
            etags = await client.put(task, update)

            assert http("PUT", old.url, data=b"x").status_code == 404
            with pytest.raises(TransferCorrupted, match=r"(?i)send (it|them) again"):
                await client.complete(task, update, ["wrong", *etags[1:]])
            assert self.updates(store) == []

    async def test_what_is_not_the_announced_update_is_deleted_and_sent_again(
        self, uploading, combiner, store
    ):
        """Other bytes, more bytes and a missing object are refused."""
        async with uploading() as (_, client, task, update):
            for wrong in (bytes(len(update)), update + b"x"):
                url = (await client.part(task, update)).url
                etag = http("PUT", url, data=wrong).headers["ETag"]
                with pytest.raises(TransferCorrupted, match=r"(?i)send (it|them) again"):
                    await client.complete(task, update, [etag])
                assert self.updates(store) == []
            with pytest.raises(TransferCorrupted, match="has 0 bytes"):
                await client.complete(task, update, [etag])

            await client.complete(task, update, await client.put(task, update))

            assert self.spooled(combiner, task) == update

    async def test_a_part_that_an_update_does_not_have_is_refused(self, uploading):
        """An update that is too large, or another client's, or not waited for, is refused too."""
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
        """The URL is for one model of a running phase, and good for nothing else."""
        async with uploading() as (_, client, _, _):
            url = await client.url_of(large[0])

            answer = http("GET", url, headers={"Range": "bytes=7-"})

            assert answer.content == b"".join(store.read(f"models/{large[0].id}", 7))
            assert http("PUT", url, data=b"x").status_code == 403
            with pytest.raises(NotFound):
                await client.url_of(put_model())

    async def test_what_came_after_its_phase_goes_at_the_next_start(self, combiner, store):
        """The objects of other combiners stay."""
        store.put(f"updates/combiner-1/{uuid.uuid4()}/a", [b"late"])
        others = f"updates/combiner-10/{uuid.uuid4()}/a"
        store.put(others, [b"of another combiner"])

        await combiner.restart()

        assert self.updates(store) == [others]
        await combiner.close()
