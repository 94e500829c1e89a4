"""Pieces of an upload on their way to the disk."""

import asyncio
import threading

import pytest

from fednet import limits
from fednet.combiner.engine.batches import Batches


async def test_a_piece_is_written_without_another_one():
    """A slow sender loses nothing of what has arrived."""
    written = asyncio.Queue()
    loop = asyncio.get_running_loop()
    batches = Batches(lambda pieces: loop.call_soon_threadsafe(written.put_nowait, list(pieces)))

    await batches.add(b"one")

    assert await asyncio.wait_for(written.get(), 60) == [b"one"]
    await batches.aclose()


async def test_pieces_that_arrive_during_a_write_are_written_together():
    """In their order, and all of them by the end."""
    may_write, written = threading.Event(), []

    def write(pieces):
        assert may_write.wait(60)
        written.append(list(pieces))

    batches = Batches(write)
    await batches.add(b"0")
    await asyncio.sleep(0)  # the first write begins
    adding = asyncio.create_task(add_all(batches, [b"1", b"2", b"3"]))
    await asyncio.sleep(0)
    assert not adding.done()

    may_write.set()
    await adding
    await batches.aclose()

    assert [piece for batch in written for piece in batch] == [b"0", b"1", b"2", b"3"]
    assert max(map(len, written)) <= limits.transfer_batch_chunks


async def test_the_error_of_a_write_ends_the_upload():
    """It is raised by a later piece, or at the end."""

    def write(_pieces):
        raise OSError("full")

    batches = Batches(write)
    with pytest.raises(OSError, match="full"):
        await add_all(batches, [b"1", b"2", b"3"])
    with pytest.raises(OSError, match="full"):
        await batches.aclose()


async def add_all(batches, pieces):
    for piece in pieces:
        await batches.add(piece)
