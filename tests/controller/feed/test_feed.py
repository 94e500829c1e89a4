"""The feed of a controller: appends without blocking, and wakes those who wait."""

import threading

import pytest

from fednet import limits
from fednet.controller.feed.entries import EntryKind, Interest
from fednet.controller.feed.feed import Feed
from fednet.controller.feed.log import FeedLog
from fednet.errors import Unavailable

SECONDS = 200
JOINED, LEFT = EntryKind.CLIENT_JOINED, EntryKind.CLIENT_LEFT


def join(feed, name):
    feed.append(JOINED, client_id=name, combiner="c")


def names(feed, after=0):
    return [entry.ids.get("client_id", entry.kind) for entry in feed.after(after).entries]


@pytest.fixture
def wait_for(feed):
    """Waits until the feed has so many entries."""

    def wait(count):
        while True:
            listener = feed.listen(Interest())
            if feed.head >= count:
                listener.close()
                return
            assert listener.wait(SECONDS)

    return wait


def test_entries_keep_the_order_in_which_they_are_handed_over(feed, wait_for):
    """Each is there once somebody is woken for it."""
    for name in "abc":
        join(feed, name)
    wait_for(3)

    assert names(feed) == ["a", "b", "c"]


def test_a_listener_is_woken_by_what_it_waits_for_alone(feed, wait_for):
    """A kind, a session, a status: all of them at once."""
    ended = Interest(session_id="s", statuses=frozenset({"FINISHED"}))
    kind = Interest(kinds=frozenset({LEFT}))
    waiting = [feed.listen(interest) for interest in (ended, kind)]

    join(feed, "a")
    feed.append(EntryKind.SESSION_CHANGED, session_id="s", version=2, status="STARTED")
    feed.append(EntryKind.SESSION_CHANGED, session_id="other", version=2, status="FINISHED")
    wait_for(3)
    early = [each.wait(0) for each in waiting]
    feed.append(LEFT, client_id="a", combiner="c")
    feed.append(EntryKind.SESSION_CHANGED, session_id="s", version=3, status="FINISHED")

    assert early == [False, False]
    assert all(each.wait(SECONDS) for each in waiting)
    assert feed.listeners == 0


def test_a_listener_that_is_asked_late_has_been_woken_already(feed, wait_for):
    """Whoever registers before looking misses nothing."""
    listener, called = feed.listen(Interest()), []
    join(feed, "a")
    wait_for(1)
    assert listener.wait(SECONDS)

    listener.on_wake(lambda: called.append(True))

    assert called == [True]


def test_there_are_so_many_listeners_at_most(feed, monkeypatch):
    """And whoever has waited makes room."""
    monkeypatch.setattr(feed._listeners, "_count_max", 1)
    first = feed.listen(Interest())

    assert feed.listen(Interest()) is None

    first.close()
    assert feed.listen(Interest()) is not None


def test_the_end_wakes_everybody(records):
    """Nobody waits at a feed that is closed."""
    feed = Feed(FeedLog(records, "here"))
    listener = feed.listen(Interest())

    feed.close()

    assert listener.wait(0)
    assert feed.listen(Interest()) is None


def test_what_was_handed_over_before_the_end_is_appended(records):
    """A controller that stops says what it has committed."""
    feed = Feed(FeedLog(records, "here"))
    for number in range(100):
        join(feed, f"{number}")

    feed.close()

    assert FeedLog(records, "later").head == 100


def test_while_the_store_is_away_entries_wait_and_too_many_are_counted(records, monkeypatch):
    """Readers are told to read the state anew."""
    monkeypatch.setattr(limits, "feed_waiting_entries_max", 3)
    monkeypatch.setattr(limits, "retry_seconds_first", 0.01)
    log, is_back, tried = FeedLog(records, "here"), threading.Event(), threading.Event()
    append = log.append

    def away_at_first(happened):
        tried.set()
        if not is_back.is_set():
            raise Unavailable("The store is away.")
        append(happened)

    monkeypatch.setattr(log, "append", away_at_first)
    feed = Feed(log)
    join(feed, "a")
    assert tried.wait(SECONDS)
    for name in "bcdef":
        join(feed, name)
    came = feed.listen(Interest())
    is_back.set()
    assert came.wait(SECONDS)
    feed.close()

    found = names(feed)
    assert found[-3:] == ["d", "e", "f"]
    lost = [entry.ids["count"] for entry in feed.after(0).entries if entry.kind == "entries_lost"]
    assert sum(lost) + len([name for name in found if len(name) == 1]) == 6


def test_what_another_controller_has_appended_wakes_those_who_wait_here(feed, records):
    """As soon as the feed looks."""
    other = FeedLog(records, "other")
    listener = feed.listen(Interest(controller="other"))
    other.append([("2026-01-01T00:00:00.000000Z", "client_joined", {"client_id": "a"})])

    feed.look()

    assert listener.wait(SECONDS)
    assert names(feed) == ["a"]
