"""Controllers follow one another's feeds: what happens at one is heard at the other."""

from contextlib import ExitStack

import pytest

from fednet.controller.feed.entries import EntryKind, Interest
from fednet.controller.feed.follower import Followers
from fednet.controller.server import Controller
from fednet.settings import ControllerSettings

SECONDS = 200


@pytest.fixture
def start(tmp_path):
    """Starts a controller on the same stores as the others; stops all at the end."""
    with ExitStack() as running:

        def begin(name):
            settings = ControllerSettings(port=0, data_dir=tmp_path / "data", name=name)
            controller = Controller.start(settings)
            running.callback(controller.stop)
            return controller

        yield begin


def feed_of(controller):
    return controller._engine._feed


def join(controller, name):
    feed_of(controller).append(EntryKind.CLIENT_JOINED, client_id=name, combiner="c")


def test_an_entry_is_heard_at_the_other_controller(start):
    """Without a look at the store that is due anyway."""
    first, second = start("first"), start("second")  # the second follows the first at once
    second._engine._keeper.stop()
    listener = feed_of(second).listen(Interest(controller="first"))

    join(first, "a")

    assert listener.wait(SECONDS)
    assert [entry.ids["client_id"] for entry in feed_of(second).after(0).entries] == ["a"]


def test_an_entry_is_heard_even_if_nobody_can_be_followed(start, monkeypatch):
    """At the next renewal of the lease."""
    monkeypatch.setattr(Followers, "follow", lambda *_: None)
    first, second = start("first"), start("second")
    listener = feed_of(second).listen(Interest())

    join(first, "a")

    assert listener.wait(SECONDS)


def test_nobody_is_followed_after_the_end(start):
    """A controller that stops leaves no thread that asks others."""
    start("first")
    second = start("second")
    followers = second._engine._followers
    [follower] = followers._following.values()

    second.stop()

    follower._thread.join(SECONDS)
    assert not follower._thread.is_alive()
    assert followers._following == {}


def test_a_controller_that_is_gone_is_followed_no_more(start):
    """One that comes is."""
    first = start("first")
    second = start("second")
    followers, leases = second._engine._followers, second._engine._leases
    assert len(followers._following) == 1

    first.stop()
    followers.follow(leases.look())

    assert followers._following == {}
