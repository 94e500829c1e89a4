"""Uploads through the port: any protocol brings bytes, and a complete update or none lies in the spool."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from fednet.combiner.machine.assignment import task_id_of
from fednet.digests import Algorithm, digest_of
from fednet.errors import Conflict, LimitExceeded, NotFound, PermissionDenied, TransferCorrupted
from fednet.parameters import write_model


@pytest.fixture
def update(tmp_path):
    """Return the bytes of an update, and their size and digest."""
    path = tmp_path / "update.npz"
    write_model(path, [np.ones(3, np.float32)])
    content = path.read_bytes()
    return content, digest_of(content, Algorithm.BLAKE3)


@pytest.fixture
def begun(combiner, phase_of):
    """Return a function that starts a phase of one client, and returns the uploads and the task."""

    async def begin():
        await combiner.restart()
        phase = phase_of("a")
        await combiner.start(phase)
        return combiner.engine.ports.uploads, task_id_of(phase.phase_id, "a")

    return begin


async def pieces_of(*pieces):
    for piece in pieces:
        yield piece


async def test_an_update_is_complete_in_the_spool_after_its_last_piece(combiner, begun, update):
    """The bytes lie in the place of the task."""
    uploads, task = await begun()
    content, digest = update

    await uploads.receive("a", task, digest, 0, pieces_of(content[:100], content[100:]))

    assert combiner.upload_place("a", task).path.read_bytes() == content
    await combiner.close()


async def test_an_upload_resumes_after_the_bytes_that_are_here(combiner, begun, update):
    """The port says how many bytes are here, also after a restart."""
    uploads, task = await begun()
    content, digest = update
    with pytest.raises(TransferCorrupted, match="ended after"):
        await uploads.receive("a", task, digest, 0, pieces_of(content[:100]))
    await combiner.close()
    await combiner.restart()
    uploads = combiner.engine.ports.uploads

    assert uploads.received_bytes("a", task) == 100
    await uploads.receive("a", task, digest, 100, pieces_of(content[100:]))

    assert uploads.received_bytes("a", task) == len(content)
    await combiner.close()


async def test_an_update_that_is_here_is_not_read_again(combiner, begun, update):
    """The pieces of a repeated upload stay where they are."""
    uploads, task = await begun()
    content, digest = update
    await uploads.receive("a", task, digest, 0, pieces_of(content))
    unread = pieces_of(content)

    await uploads.receive("a", task, digest, 0, unread)

    assert await anext(unread) == content
    await combiner.close()


async def test_a_newer_upload_of_a_task_takes_over(combiner, begun, update):
    """The older one ends as a conflict, and the bytes that it brought are kept."""
    uploads, task = await begun()
    content, digest = update
    has_begun = asyncio.Event()

    async def stalled():
        yield content[:100]
        has_begun.set()
        await asyncio.Event().wait()

    older = asyncio.create_task(uploads.receive("a", task, digest, 0, stalled()))
    await has_begun.wait()
    await uploads.receive("a", task, digest, 100, pieces_of(content[100:]))

    with pytest.raises(Conflict, match="newer upload"):
        await older
    assert combiner.upload_place("a", task).path.read_bytes() == content
    await combiner.close()


async def test_an_upload_without_a_place_is_refused(combiner, begun, update):
    """An unknown task, another client's task and a file beyond the size of an update are refused before a byte."""
    uploads, task = await begun()
    content, digest = update
    too_large = replace(digest, size_bytes=10**9)

    with pytest.raises(NotFound):
        await uploads.receive("a", task_id_of("other", "a"), digest, 0, pieces_of(content))
    with pytest.raises(PermissionDenied):
        await uploads.receive("b", task, digest, 0, pieces_of(content))
    with pytest.raises(LimitExceeded):
        await uploads.receive("a", task, too_large, 0, pieces_of(content))

    assert uploads.received_bytes("a", task) == 0
    await combiner.close()
