"""Reading the feed with APIClient, against a real controller."""

import pytest

from fednet import APIClient, limits
from fednet.controller.feed.entries import EntryKind
from fednet.errors import InvalidInput, Unavailable
from fednet.testing import FaultProxy, Network


@pytest.fixture
def network():
    """A controller alone, whose feed is empty."""
    with Network(combiners=0) as running:
        yield running


@pytest.fixture
def quick_retries(monkeypatch):
    """Pauses that do not keep the tests waiting."""
    monkeypatch.setattr(limits, "retry_seconds_first", 0.001)


@pytest.fixture
def api(network):
    return network.api


@pytest.fixture
def join(network):
    """Appends the entry of a client that has joined."""
    feed = network._controller._engine._feed
    return lambda name: feed.append(EntryKind.CLIENT_JOINED, client_id=name, combiner="c")


def test_the_feed_is_read_from_a_number_on(api, join):
    """With the number to go on after, or a wait for what comes."""
    join("a")

    first = api.get_feed(seconds=limits.wait_seconds_max)
    join("b")
    second = api.get_feed(first["next"], kinds=["client_joined"], seconds=limits.wait_seconds_max)

    assert [page["entries"][0]["ids"]["client_id"] for page in (first, second)] == ["a", "b"]
    assert (second["next"], second["is_gap"]) == (2, False)
    with pytest.raises(InvalidInput, match="client_joined"):
        api.get_feed(kinds=["nonsense"])


@pytest.mark.usefixtures("quick_retries")
def test_the_feed_is_watched_from_controller_to_controller(network, join):
    """When one is away, the next one goes on after the same number."""
    with (
        FaultProxy(network.api_url.removeprefix("http://")) as first,
        APIClient(f"http://{first.address},{network.api_url}", token=network.token) as api,
    ):
        entries = api.watch_feed(0)
        join("a")
        seen = [next(entries)]
        first.refuse()
        for name in "bc":
            join(name)
        seen += [next(entries), next(entries)]

    assert [each["ids"]["client_id"] for each in seen] == ["a", "b", "c"]


def test_a_watch_begins_with_what_comes(api, join):
    """What has happened before is left out; a gap is told."""
    join("a")
    api.get_feed(seconds=limits.wait_seconds_max)

    entries = api.watch_feed()
    join("b")

    assert next(entries)["ids"]["client_id"] == "b"
    assert next(api.watch_feed(99))["kind"] == "gap"


@pytest.mark.usefixtures("quick_retries")
def test_a_watch_ends_when_all_controllers_stay_away(network, monkeypatch):
    """After a time without any answer."""
    monkeypatch.setattr(limits, "controller_absence_seconds_max", 0.0)
    with (
        FaultProxy(network.api_url.removeprefix("http://")) as proxy,
        APIClient(f"http://{proxy.address}", token=network.token) as api,
    ):
        entries = api.watch_feed()
        proxy.refuse()

        with pytest.raises(Unavailable):
            next(entries)
