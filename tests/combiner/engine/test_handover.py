"""The end of a combiner: its clients go, each after the receipt of what it delivers."""

import asyncio
import threading

import pytest

from fednet import limits
from fednet.errors import Unauthenticated

WORDS = "The combiner stops"


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Nothing is waited for that does not come."""
    monkeypatch.setattr(limits, "handover_quiet_seconds_max", 0.05)


async def test_idle_clients_go_at_once(combiner, sent):
    """With a reason that leads them to the controller; and no other client comes."""
    await combiner.restart()
    stream = combiner.connect("a")
    handing_over = asyncio.create_task(combiner.engine.hand_over())
    await asyncio.sleep(0)

    assert stream.reason.startswith(WORDS)
    assert sent(stream)[-1] == (None, None)
    with pytest.raises(Unauthenticated, match=WORDS):
        combiner.connect("b")
    combiner.disconnect(stream)
    await handing_over


async def test_a_client_that_delivers_goes_after_its_receipt(combiner, phase_of, sent):
    """Its update is here already; one that still trains goes at once."""
    await combiner.restart()
    delivering, training = combiner.connect("a"), combiner.connect("b")
    phase = phase_of("a", "b")
    await combiner.start(phase)
    combiner.upload(phase, "a", 1, 2, 3)

    handing_over = asyncio.create_task(combiner.engine.hand_over())
    await asyncio.sleep(0)
    assert (delivering.reason, bool(training.reason)) == ("", True)
    combiner.disconnect(training)
    combiner.answer(phase, "a", 1, 2, 3)
    await combiner.until("update_folded")
    kinds = [kind for kind, _ in sent(delivering)]

    assert kinds[-2:] == ["receipt", None]
    combiner.disconnect(delivering)
    await handing_over


async def test_it_ends_once_its_tasks_are_withdrawn_and_its_phases_released(
    combiner, phase_of, monkeypatch
):
    """However long that takes, as long as something happens."""
    monkeypatch.setattr(limits, "handover_quiet_seconds_max", 60.0)
    await combiner.restart()
    stream = combiner.connect("a")
    phase = phase_of("a")
    await combiner.start(phase)
    handing_over = asyncio.create_task(combiner.engine.hand_over())
    await asyncio.sleep(0)
    combiner.disconnect(stream)

    assert await combiner.withdraw(phase, "a") == ("a",)
    assert not handing_over.done()
    await combiner.release(phase)
    await asyncio.wait_for(handing_over, 60)


async def test_without_another_combiner_it_gives_up(combiner, phase_of):
    """The phase stays in the spool for the next process."""
    await combiner.restart()
    phase = phase_of("a")
    await combiner.start(phase)

    await combiner.engine.hand_over()

    await combiner.restart()
    assert combiner.phases() == [phase.phase_id]


async def test_a_partial_that_is_being_shared_is_waited_for(combiner, phase_of, monkeypatch):
    """A large one takes its time, in which nothing else changes."""
    await combiner.restart()
    phase = phase_of("a", share_partial=True)
    await combiner.start(phase)
    loop, begun, may_end = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
    put = combiner.store.put_file

    def slow(*blob):
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(60)
        return put(*blob)

    monkeypatch.setattr(combiner.store, "put_file", slow)
    combiner.answer(phase, "a", 1, 2, 3)
    await begun.wait()
    handing_over = asyncio.create_task(combiner.engine.hand_over())
    await asyncio.wait({handing_over}, timeout=10 * limits.handover_quiet_seconds_max)

    assert not handing_over.done()
    may_end.set()
    await asyncio.wait_for(handing_over, 60)
    assert len(list(combiner.store.list("partials/"))) == 1
    await combiner.close()


async def test_the_controllers_are_told(combiner):
    """Those that watch, and those that begin to."""
    await combiner.restart()
    watch = combiner.engine.controllers.watch("controller-1")
    assert not (await anext(watch)).is_stopping

    await combiner.engine.hand_over()

    told = type((await anext(watch)).news.happening).__name__
    assert (told, combiner.snapshot().is_stopping) == ("CombinerStopping", True)
    await watch.aclose()
