"""The outbox: what must not be lost comes again until it is acknowledged, and memory stays bounded."""

import asyncio

import pytest

from fednet import limits
from fednet.combiner.outbox import Outbox
from fednet.errors import LimitExceeded
from fednet.wire import rounds_pb2

SNAPSHOT = rounds_pb2.Event(snapshot=rounds_pb2.Snapshot(phases=["p"]))


async def take(events, count):
    return [await anext(events) for _ in range(count)]


def log(text="hello"):
    return {"log": {"text": text}}


async def test_a_watch_begins_with_the_snapshot_and_goes_on_with_what_happens():
    """First the snapshot, then what was kept, then the news, in their order."""
    outbox = Outbox()
    outbox.put(client_id="early")
    watch = outbox.follow(SNAPSHOT)
    first, early = await take(watch, 2)
    outbox.put(client_id="late")
    outbox.mention(client_id="mentioned")
    late, mentioned = await take(watch, 2)

    assert first == SNAPSHOT
    assert [early.client_id, late.client_id, mentioned.client_id] == ["early", "late", "mentioned"]
    assert [early.number, late.number, mentioned.number] == [1, 2, 0]
    await watch.aclose()


async def test_what_is_not_acknowledged_comes_again_on_the_next_watch():
    """Up to the acknowledged number everything is forgotten; what was only mentioned does not come again."""
    outbox = Outbox()
    for client in ("a", "b", "c"):
        outbox.put(client_id=client)
    outbox.mention(client_id="mentioned")
    first = outbox.follow(SNAPSHOT)
    await take(first, 4)
    await first.aclose()

    outbox.acknowledge(outbox.epoch, 2)
    second = outbox.follow(SNAPSHOT)
    _, again = await take(second, 2)
    outbox.put(client_id="d")
    [new] = await take(second, 1)

    assert (again.client_id, again.number) == ("c", 3)
    assert (new.client_id, new.number) == ("d", 4)
    await second.aclose()


async def test_an_acknowledgement_of_another_process_means_nothing():
    """Numbers begin anew with each process; the epoch tells them apart."""
    outbox = Outbox()
    outbox.put(client_id="a")

    outbox.acknowledge(Outbox().epoch, 1)
    watch = outbox.follow(SNAPSHOT)
    _, kept = await take(watch, 2)

    assert kept.client_id == "a"
    await watch.aclose()


async def test_who_waits_for_the_storing_is_called_once():
    """However often the number is acknowledged."""
    outbox = Outbox()
    called = []
    outbox.put(stored=lambda: called.append("a"), client_id="a")
    outbox.put(stored=lambda: called.append("b"), client_id="b")

    outbox.acknowledge(outbox.epoch, 1)
    outbox.acknowledge(outbox.epoch, 1)
    await asyncio.sleep(0)
    assert called == ["a"]

    outbox.acknowledge(outbox.epoch, 9)
    await asyncio.sleep(0)
    assert called == ["a", "b"]


async def test_an_error_of_a_waiter_does_not_stop_the_acknowledgements():
    """It is the loop's to report; what comes after is acknowledged all the same."""
    outbox = Outbox()
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    outbox.put(stored=lambda: 1 / 0, client_id="a")
    outbox.put(client_id="b")

    outbox.acknowledge(outbox.epoch, 2)
    await asyncio.sleep(0)

    assert len(reported) == 1
    outbox.check_room(limits.outbox_events_max)


async def test_there_is_room_for_so_many_events(monkeypatch):
    """More work is refused while too much waits, and taken again once it was stored."""
    monkeypatch.setattr(limits, "outbox_events_max", 3)
    outbox = Outbox()
    outbox.put(client_id="a")

    outbox.check_room(2)
    with pytest.raises(LimitExceeded, match="1 events"):
        outbox.check_room(3)
    outbox.acknowledge(outbox.epoch, 1)
    outbox.check_room(3)


async def test_there_is_room_for_so_many_bytes(monkeypatch):
    """A few large events fill it as well as many small ones."""
    monkeypatch.setattr(limits, "outbox_bytes_max", 1000)
    outbox = Outbox()
    outbox.put(**log("x" * 1001))

    with pytest.raises(LimitExceeded):
        outbox.check_room(1)
    outbox.acknowledge(outbox.epoch, 1)
    outbox.check_room(1)


@pytest.mark.parametrize(("limit", "most"), [("outbox_events_max", 20), ("outbox_bytes_max", 2000)])
async def test_what_may_be_lost_never_takes_the_room_of_what_may_not(monkeypatch, limit, most):
    """Clients that log without end while the controller is away fill half, and no new work is refused for it."""
    monkeypatch.setattr(limits, limit, most)
    outbox = Outbox()

    for _ in range(1000):
        outbox.offer(**log("x" * 50))

    assert len(outbox._kept) <= 20
    outbox.check_room(most // 2 if limit == "outbox_events_max" else 1)


async def test_a_watcher_that_does_not_read_is_dropped(monkeypatch):
    """Its queue is thrown away and its watch ends; the others go on, and it may begin anew."""
    monkeypatch.setattr(limits, "outbox_events_max", 5)
    outbox = Outbox()
    slow, quick = outbox.follow(SNAPSHOT), outbox.follow(SNAPSHOT)
    await take(slow, 1)
    await take(quick, 1)

    for number in range(100):
        outbox.mention(client_id=str(number))
        [event] = await take(quick, 1)
        assert event.client_id == str(number)
        assert all(len(watcher.events) <= 10 for watcher in outbox._watchers)

    with pytest.raises(StopAsyncIteration):
        await anext(slow)
    assert len(outbox._watchers) == 1
    await quick.aclose()
    assert outbox._watchers == []
