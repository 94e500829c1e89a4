"""Files over loopback: whole, resumed, replaced or refused."""

import itertools

import google_crc32c
import numpy as np
import pytest
from wire_calls import chunks, header, ours, update_of

from fednet import limits
from fednet.combiner.machine.values import BlobKind
from fednet.contract import Role
from fednet.digests import Algorithm, digest_of
from fednet.errors import (
    Conflict,
    DeadlineExceeded,
    FednetError,
    InvalidInput,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    TransferCorrupted,
    Unavailable,
)
from fednet.wire import models_pb2, rounds_pb2

MIB = limits.chunk_bytes
AUTHORITY = {"controller": "controller-1", "term": 1, "session_id": "session"}


async def test_a_later_update_of_a_task_replaces_the_earlier(uploading, combiner):
    """The one that was refused in an earlier attempt lies here still; what is the same is not sent again."""
    async with uploading() as (_, client, task, update):
        other = update_of(np.ones(700_000, dtype=np.float32))
        await client.upload([header(task, other), *chunks(other)])

        await client.upload([header(task, update), *chunks(update)])
        await client.upload([header(task, update)])

        [path] = combiner.folder.glob(f"phases/*/{task}")
        assert path.read_bytes() == update


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

        assert receipt.digest == digest_of(update, Algorithm.BLAKE3).text
        assert await client.received(task) == len(update)
        again = await client.upload([header(task, update, offset_bytes=len(update))])
        assert again.size_bytes == len(update)


async def test_a_piece_that_was_altered_on_the_way_is_refused(uploading):
    """The bytes before the piece stay, to go on from."""
    async with uploading() as (_, client, task, update):
        first, second, *_ = chunks(update)
        second.chunk.crc32c ^= 1

        with pytest.raises(TransferCorrupted, match="checksum"):
            await client.upload([header(task, update), first, second])

        assert await client.received(task) == MIB


async def test_a_file_that_is_not_the_announced_one_is_thrown_away(uploading):
    """The digest is over the whole; the client begins anew."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(TransferCorrupted, match="its digest"):
            await client.upload([header(task, update, digest="0" * 64), *chunks(update)])

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
    """The file is refused before its first byte."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(LimitExceeded) as refusal:
            await client.upload([header(task, update, size_bytes=100 * len(update))])

        assert refusal.value.field == "size_bytes"


async def test_an_upload_must_begin_with_its_header(uploading):
    """An upload that begins with a piece, and an empty one, are refused."""
    async with uploading() as (_, client, _, update):
        with pytest.raises(InvalidInput, match="header"):
            await client.upload(chunks(update))
        with pytest.raises(InvalidInput, match="header"):
            await client.upload([])


async def test_of_two_uploads_of_one_task_the_newer_goes_on(uploading):
    """The older one's connection may be dead without our knowing; if it lives, it is told."""
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
    """A stranger cannot end the upload either."""
    async with uploading() as (caller, _, task, update):
        other = await caller(Role.CLIENT, "b")

        with pytest.raises(PermissionDenied):
            await other.upload([header(task, update), *chunks(update)])
        with pytest.raises(PermissionDenied):
            await other.received(task)
        with pytest.raises(NotFound):
            await other.upload([header("no such task", update), *chunks(update)])


async def test_an_upload_whose_phase_is_released_meanwhile_is_refused(uploading, combiner):
    """The error may pass, so the client asks again and hears that nobody waits."""
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


async def test_only_a_client_with_a_task_gets_its_model(uploading, large, combiner):
    """A client that no phase asks is refused by both routes as if the model were not there; a withdrawn one as well."""
    model, _ = large
    request = models_pb2.DownloadRequest(kind=model.kind, id=model.id)
    async with uploading() as (caller, client, _, _):
        controller, other = await caller(Role.CONTROLLER), await caller(Role.CLIENT, "other")
        assert await client.download(model, model.size_bytes) == b""
        await client.call(client.models.LocateDownload, request)
        refusals = []
        for ask in (other.download(model), other.call(other.models.LocateDownload, request)):
            with pytest.raises(NotFound, match="asks this client") as refused:
                await ask
            refusals.append(refused.value.message)
        assert len(set(refusals)) == 1

        [phase_id] = combiner.phases()
        withdrawal = {"phase_id": phase_id, "clients": ["a"], "authority": AUTHORITY}
        await controller.call(controller.rounds.Withdraw, rounds_pb2.Withdrawal(**withdrawal))
        with pytest.raises(NotFound):
            await client.download(model)


async def test_a_file_that_cannot_be_read_is_worth_another_try(uploading, large, combiner):
    """The error of the system is mapped, and names no path of this machine."""
    model, _ = large
    async with uploading() as (_, client, _, _):
        combiner.engine.local.path(BlobKind.MODEL, model.id).unlink()

        with pytest.raises(Unavailable, match=r"cannot use a file: No such file or directory\."):
            await client.download(model)


async def test_a_store_without_urls_gives_none(uploading, large):
    """An empty URL tells the client to take the other way."""
    async with uploading() as (_, client, task, update):
        assert not await client.url_of(large[0])
        assert not (await client.part(task, update)).url


def cut(content, size):
    """An update in pieces of one size."""
    for at in range(0, len(content), size):
        data = content[at : at + size]
        yield models_pb2.UploadPart(chunk={"data": data, "crc32c": google_crc32c.value(data)})


@pytest.mark.parametrize("size", [1, limits.chunk_bytes_min - 1])
async def test_small_chunks_are_refused_at_the_second(uploading, size):
    """Each costs time, however small it is; what has arrived stays."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(InvalidInput, match="send larger chunks"):
            await client.upload([header(task, update), *itertools.islice(cut(update, size), 100)])

        assert await client.received(task) == size


async def test_empty_chunks_are_refused(uploading):
    """They would come without end."""
    async with uploading() as (_, client, task, update):
        with pytest.raises(InvalidInput, match="empty"):
            await client.upload([header(task, update), models_pb2.UploadPart(chunk={})])


async def test_the_smallest_chunks_and_a_smaller_last_one_are_taken(uploading):
    """The receipt says so."""
    async with uploading() as (_, client, task, update):
        receipt = await client.upload([header(task, update), *cut(update, limits.chunk_bytes_min)])

        assert receipt.size_bytes == len(update)


async def test_an_upload_that_does_not_begin_ends(uploading, monkeypatch):
    """The caller is told."""
    monkeypatch.setattr(limits, "first_message_seconds_max", 0.2)
    async with uploading() as (_, client, _, _):
        with pytest.raises(DeadlineExceeded), ours():
            await client.models.Upload(metadata=client.metadata)


async def test_an_upload_that_does_not_go_on_ends(uploading, monkeypatch):
    """The caller is told; what has arrived stays."""
    async with uploading() as (_, client, task, update):
        begun = client.models.Upload(metadata=client.metadata)
        first, second, *_ = chunks(update)
        await begun.write(header(task, update))
        await begun.write(first)
        await client.has_sent(task, MIB)
        monkeypatch.setattr(limits, "transfer_idle_seconds_max", 0.2)
        await begun.write(second)
        with pytest.raises(DeadlineExceeded), ours():
            await begun

        assert await client.received(task) in {MIB, 2 * MIB}


async def test_a_client_has_a_bounded_number_of_transfers(uploading, monkeypatch):
    """One more is refused; others are served, and so is this client when one has ended."""
    monkeypatch.setattr(limits, "caller_transfers_max", 1)
    async with uploading() as (caller, client, task, update):
        under_way = client.models.Upload(metadata=client.metadata)
        await under_way.write(header(task, update))
        await under_way.write(next(chunks(update)))
        await client.has_sent(task, MIB)

        with pytest.raises(FednetError, match="under way"):
            await client.upload([header(task, update, offset_bytes=MIB), *chunks(update, MIB)])

        other = await caller(Role.CLIENT, "b")
        with pytest.raises(PermissionDenied):
            await other.upload([header(task, update)])
        for chunk in chunks(update, MIB):
            await under_way.write(chunk)
        await under_way.done_writing()
        await under_way
        assert (await client.upload([header(task, update)])).size_bytes == len(update)
