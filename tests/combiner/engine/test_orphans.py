"""Shared partials whose phase was released while the blob store was away are deleted later."""

import asyncio

import pytest

from fednet.errors import Unavailable


class Outage:
    """A store that refuses to delete until it is told not to."""

    def __init__(self, store):
        self.is_over = False
        self.attempts = 0
        self.tried = asyncio.Event()
        self._loop = None
        self._delete = store.delete

    async def after(self, attempts):
        """Wait for so many attempts."""
        self._loop, self._wanted = asyncio.get_running_loop(), self.attempts + attempts
        await self.tried.wait()

    def delete(self, key):
        self.attempts += 1
        if self._loop and self.attempts >= self._wanted:
            self._loop.call_soon_threadsafe(self.tried.set)
        if not self.is_over:
            raise Unavailable("The store is away.")
        self._delete(key)


@pytest.fixture
def outage(combiner, monkeypatch):
    made = Outage(combiner.store)
    monkeypatch.setattr(combiner.store, "delete", made.delete)
    return made


async def shared(combiner, phase_of):
    """Return a phase whose partial is shared."""
    phase = phase_of("a", share_partial=True)
    await combiner.start(phase)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("phase_closed")
    return phase


async def test_a_partial_is_deleted_once_the_store_is_back(combiner, phase_of, outage):
    """The attempts have pauses; nothing of the partial is left in the spool."""
    await combiner.restart()
    phase = await shared(combiner, phase_of)
    await combiner.release(phase)
    await outage.after(2)
    assert combiner.spool.orphans() == [phase.phase_id]

    outage.is_over = True
    await combiner.engine._phases._orphans._retrying

    assert list(combiner.store.list("partials/")) == []
    assert combiner.spool.orphans() == []
    await combiner.close()


async def test_the_next_process_deletes_what_this_one_could_not(combiner, phase_of, outage):
    """The spool remembers; closing does not wait for the store."""
    await combiner.restart()
    phase = await shared(combiner, phase_of)
    await combiner.release(phase)
    await combiner.close()
    assert len(list(combiner.store.list("partials/"))) == 1

    outage.is_over = True
    await combiner.restart()
    await combiner.engine._phases._orphans._retrying

    assert list(combiner.store.list("partials/")) == []
    await combiner.close()


@pytest.mark.usefixtures("outage")
async def test_a_phase_that_begins_anew_keeps_its_partial(combiner, phase_of):
    """The orphan of an earlier phase with the same id is forgotten."""
    await combiner.restart()
    phase = await shared(combiner, phase_of)
    await combiner.release(phase)
    await combiner.close()
    await combiner.restart()

    await combiner.start(phase)

    assert combiner.spool.orphans() == []
    await combiner.close()
