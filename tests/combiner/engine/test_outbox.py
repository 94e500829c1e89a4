"""The outbox: each controller hears what is its own, again and again until it is acknowledged, in bounded memory."""

import asyncio

import pytest

from fednet import limits
from fednet.combiner.engine.outbox import Outbox
from fednet.combiner.machine.news import ClientLeft, Snapshot, TaskSent, ValidationReported
from fednet.combiner.machine.values import LogRecord, PhaseContext
from fednet.errors import LimitExceeded

SNAPSHOT = Snapshot("epoch", {}, {"p": "s"}, allows_functions=True)


class Owners(dict):
    """The controller of each session."""

    def __missing__(self, _session):
        return ""


@pytest.fixture
def owners():
    return Owners(s="one", t="two")


@pytest.fixture
def outbox(owners):
    return Outbox(lambda session: owners[session])


def follow(outbox, controller="one"):
    return outbox.follow(controller, lambda: SNAPSHOT)


async def take(news, count):
    return [await anext(news) for _ in range(count)]


def put(outbox, client, session="s", **more):
    context = PhaseContext("p", session) if session else None
    outbox.put(TaskSent(), context, client, **more)


def log(outbox, text="hello"):
    outbox.offer(LogRecord(text), client_id="a")


def clients(envelopes):
    return [each.news.client_id for each in envelopes]


def numbers(envelopes):
    return [each.number for each in envelopes]


def kept(outbox):
    return sum(each.count for each in outbox._mailboxes.values())


async def test_a_watch_begins_with_the_snapshot_and_goes_on_with_what_happens(outbox):
    """First the snapshot, then what was kept, then the news, in their order."""
    put(outbox, "early")
    watch = follow(outbox)
    first, early = await take(watch, 2)
    put(outbox, "late")
    outbox.mention(ClientLeft(), "mentioned")
    news = [early, *await take(watch, 2)]

    assert first is SNAPSHOT
    assert clients(news) == ["early", "late", "mentioned"]
    assert numbers(news) == [1, 2, 0]
    await watch.aclose()


async def test_what_is_not_acknowledged_comes_again_on_the_next_watch(outbox):
    """News up to the acknowledged number is forgotten; a mention does not come again."""
    first = follow(outbox)
    await take(first, 1)
    for client in ("a", "b", "c"):
        put(outbox, client)
    outbox.mention(ClientLeft(), "mentioned")
    await take(first, 4)
    await first.aclose()

    outbox.acknowledge("one", outbox.epoch, 2)
    second = follow(outbox)
    _, again = await take(second, 2)
    put(outbox, "d")
    [new] = await take(second, 1)

    assert (clients([again, new]), numbers([again, new])) == (["c", "d"], [3, 4])
    await second.aclose()


async def test_an_acknowledgement_of_another_process_or_controller_means_nothing(outbox, owners):
    """Numbers begin anew with each process, and each controller has its own."""
    put(outbox, "a")
    put(outbox, "b", "t")

    outbox.acknowledge("one", Outbox(owners.__getitem__).epoch, 1)
    outbox.acknowledge("two", outbox.epoch, 1)
    outbox.acknowledge("nobody", outbox.epoch, 1)
    watch = follow(outbox)
    _, envelope = await take(watch, 2)

    assert clients([envelope]) == ["a"]
    assert kept(outbox) == 1
    await watch.aclose()


async def test_each_controller_hears_of_its_own_sessions(outbox):
    """The numbers are each controller's own; joins and leaves are told to all."""
    for client, session in (("a", "s"), ("b", "t"), ("c", "s")):
        put(outbox, client, session)
    one, two = follow(outbox, "one"), follow(outbox, "two")
    await take(one, 1)
    await take(two, 1)
    outbox.mention(ClientLeft(), "x")

    of_one, of_two = await take(one, 3), await take(two, 2)

    assert (clients(of_one), numbers(of_one)) == (["a", "c", "x"], [1, 2, 0])
    assert (clients(of_two), numbers(of_two)) == (["b", "x"], [1, 0])
    await one.aclose()
    await two.aclose()


async def test_a_sessions_news_move_with_its_authority(outbox, owners):
    """The news moves in its order, under new numbers; the earlier controller hears no more of it."""
    for client in ("a", "b", "c"):
        put(outbox, client)
    put(outbox, "own", "t")
    one, two = follow(outbox, "one"), follow(outbox, "two")
    await take(one, 2)
    await take(two, 2)
    outbox.acknowledge("one", outbox.epoch, 1)

    owners["s"] = "two"
    outbox.move("s")
    put(outbox, "d")
    moved = await take(two, 3)
    outbox.mention(ClientLeft(), "x")

    assert (clients(moved), numbers(moved)) == (["b", "c", "d"], [2, 3, 4])
    assert clients(await take(one, 1)) == ["x"]
    outbox.acknowledge("one", outbox.epoch, 9)
    assert kept(outbox) == 4
    await one.aclose()
    await two.aclose()


async def test_who_waits_for_the_storing_is_called_also_after_a_move(outbox, owners):
    """The acknowledgement of the new controller calls the waiter."""
    called = []
    put(outbox, "a", stored=lambda: called.append("a"))
    owners["s"] = "two"
    outbox.move("s")

    outbox.acknowledge("one", outbox.epoch, 1)
    await asyncio.sleep(0)
    assert called == []
    outbox.acknowledge("two", outbox.epoch, 1)
    await asyncio.sleep(0)
    assert called == ["a"]


async def test_news_of_no_session_go_to_any_controller_that_watches(outbox):
    """The news goes to one controller only, also if none watched when it happened."""
    log(outbox, "early")
    one = follow(outbox, "one")
    _, early = await take(one, 2)
    two = follow(outbox, "two")
    await take(two, 1)
    log(outbox, "late")
    [late] = await take(one, 1)
    outbox.mention(ClientLeft(), "x")

    assert [each.news.happening.text for each in (early, late)] == ["early", "late"]
    assert clients(await take(two, 1)) == ["x"]
    await one.aclose()
    await two.aclose()


async def test_news_of_a_controller_that_stays_away_go_to_one_that_watches(outbox, monkeypatch):
    """Kept and later news moves; once the controller is back, it hears of its sessions again."""
    monkeypatch.setattr(limits, "mailbox_idle_seconds_max", 0.0)
    put(outbox, "a")
    two = follow(outbox, "two")
    await take(two, 1)
    [handed] = await take(two, 1)
    put(outbox, "b")
    [later] = await take(two, 1)
    one = follow(outbox, "one")
    _, *back = await take(one, 3)

    assert clients([handed, later, *back]) == ["a", "b", "a", "b"]
    assert kept(outbox) == 2
    await one.aclose()
    await two.aclose()


async def test_a_second_watch_of_a_controller_ends_the_first(outbox):
    """The first one's connection may be dead without our knowing."""
    put(outbox, "a")
    first = follow(outbox)
    await take(first, 2)
    second = follow(outbox)
    _, again = await take(second, 2)

    with pytest.raises(StopAsyncIteration):
        await anext(first)
    put(outbox, "b")
    assert clients([again, *await take(second, 1)]) == ["a", "b"]
    assert outbox.watched.by_somebody.is_set()
    await second.aclose()
    assert outbox.watched.by_nobody.is_set()


async def test_mailboxes_are_few_and_no_number_comes_twice(outbox, monkeypatch):
    """An empty mailbox is forgotten when others need its place; one that holds news stays."""
    monkeypatch.setattr(limits, "mailboxes_max", 3)
    put(outbox, "a")
    put(outbox, "b")
    outbox.acknowledge("one", outbox.epoch, 2)
    put(outbox, "kept", "t")
    for number in range(20):
        await take(watch := follow(outbox, f"controller-{number}"), 1)
        await watch.aclose()
        assert len(outbox._mailboxes) <= 3

    put(outbox, "c")
    watch = follow(outbox)
    _, envelope = await take(watch, 2)

    assert "two" in outbox._mailboxes
    assert envelope.number > 2
    await watch.aclose()


async def test_who_waits_for_the_storing_is_called_once(outbox):
    """The waiter is called once, however often the number is acknowledged."""
    called = []
    put(outbox, "a", stored=lambda: called.append("a"))
    put(outbox, "b", stored=lambda: called.append("b"))

    outbox.acknowledge("one", outbox.epoch, 1)
    outbox.acknowledge("one", outbox.epoch, 1)
    await asyncio.sleep(0)
    assert called == ["a"]

    outbox.acknowledge("one", outbox.epoch, 9)
    await asyncio.sleep(0)
    assert called == ["a", "b"]


async def test_an_error_of_a_waiter_does_not_stop_the_acknowledgements(outbox):
    """The loop reports the error; later news is acknowledged all the same."""
    reported = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    put(outbox, "a", stored=lambda: 1 / 0)
    put(outbox, "b")

    outbox.acknowledge("one", outbox.epoch, 2)
    await asyncio.sleep(0)

    assert len(reported) == 1
    outbox.check_room(limits.outbox_events_max)


async def test_there_is_room_for_so_many_events(outbox, monkeypatch):
    """The limit counts all mailboxes together; work is taken again once news was stored."""
    monkeypatch.setattr(limits, "outbox_events_max", 3)
    put(outbox, "a")
    put(outbox, "b", "t")

    outbox.check_room(1)
    with pytest.raises(LimitExceeded, match="2 events"):
        outbox.check_room(2)
    outbox.acknowledge("one", outbox.epoch, 1)
    outbox.check_room(2)


async def test_there_is_room_for_so_many_bytes(outbox, monkeypatch):
    """A few large events fill it as well as many small ones."""
    monkeypatch.setattr(limits, "outbox_bytes_max", 1000)
    outbox.put(ValidationReported("x" * 1001), PhaseContext("p", "s"))

    with pytest.raises(LimitExceeded):
        outbox.check_room(1)
    outbox.acknowledge("one", outbox.epoch, 1)
    outbox.check_room(1)


@pytest.mark.parametrize(("limit", "most"), [("outbox_events_max", 20), ("outbox_bytes_max", 9000)])
async def test_what_may_be_lost_never_takes_the_room_of_what_may_not(
    outbox, monkeypatch, limit, most
):
    """Clients that log without end while the controllers are away fill half, and no new work is refused for it."""
    monkeypatch.setattr(limits, limit, most)

    for _ in range(1000):
        log(outbox, "x" * 50)

    assert kept(outbox) <= 20
    outbox.check_room(most // 2 if limit == "outbox_events_max" else 1)


async def test_a_watcher_that_does_not_read_is_dropped(outbox, monkeypatch):
    """Its queue is thrown away and its watch ends; the others go on, and it may begin anew."""
    monkeypatch.setattr(limits, "outbox_events_max", 5)
    slow, quick = follow(outbox, "one"), follow(outbox, "two")
    await take(slow, 1)
    await take(quick, 1)
    watcher = outbox._mailboxes["one"]._watcher

    for number in range(100):
        outbox.mention(ClientLeft(), str(number))
        assert clients(await take(quick, 1)) == [str(number)]
        assert watcher.waiting <= 10

    with pytest.raises(StopAsyncIteration):
        await anext(slow)
    assert not outbox._mailboxes["one"].is_watched
    await quick.aclose()


async def test_a_watch_without_news_ends_when_it_is_hung_up(outbox):
    """An empty mailbox is one, too: a watch whose token has ended must not last until the next news."""
    news = follow(outbox)
    snapshot = await anext(news)
    rest = asyncio.create_task(anext(news, None))
    outbox.hang_up("one")

    assert snapshot == SNAPSHOT
    assert await rest is None
