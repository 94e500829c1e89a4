"""What one controller revokes, the others and the combiners hear of, through the feed."""

import queue

import pytest

from fednet.controller.feed.entries import Interest
from fednet.controller.feed.feed import Feed
from fednet.controller.feed.log import FeedLog
from fednet.controller.tokens.revocations import Revocations
from fednet.controller.tokens.trust import Trust, TrustChange

SECONDS = 200
ANYTHING = Interest()


@pytest.fixture
def told():
    return queue.Queue()


@pytest.fixture
def trust(feed, keys, revocations, told):
    opened = Trust(feed, keys, revocations, told.put)
    opened.open()
    yield opened
    opened.close()


@pytest.fixture
def other_feed(records):
    """Return the feed of another controller on the same store."""
    opened = Feed(FeedLog(records, "there"))
    yield opened
    opened.close()


@pytest.mark.usefixtures("trust")
def test_a_revocation_is_told_once(tokens, told):
    """Each id for itself."""
    tokens.revoke("one")
    first = told.get(timeout=SECONDS)
    tokens.revoke("two")

    assert first == TrustChange(revoked_ids=["one"])
    assert told.get(timeout=SECONDS) == TrustChange(revoked_ids=["two"])


@pytest.mark.usefixtures("trust")
def test_a_revocation_of_another_controller_is_learned(
    records, feed, other_feed, revocations, told
):
    """As soon as the feed is read."""
    Revocations(records).add("an-id", 2e9)
    other_feed.revoked("an-id")
    assert wait_for_head(other_feed, 1)

    feed.look()

    assert told.get(timeout=SECONDS).revoked_ids == ["an-id"]
    assert revocations.when("an-id") is not None


def wait_for_head(feed, number):
    """Wait until the feed has written so many entries."""
    while feed.head < number:
        listener = feed.listen(ANYTHING)
        if feed.head < number:
            listener.wait(SECONDS)
    return True


def test_revocations_of_before_are_there_at_the_start(feed, keys, records, revocations, told):
    """They are read from their documents; combiners are told of them by their links."""
    Revocations(records).add("an-id")
    trust = Trust(feed, keys, revocations, told.put)

    trust.open()
    trust.close()

    assert revocations.recent() == ["an-id"]
    assert told.empty()


@pytest.mark.usefixtures("trust")
def test_a_new_key_is_told_to_the_combiners(keys, feed, told):
    """Both keys, the newest first: the older one verifies for a while."""
    [older] = keys.public_keys
    keys.rotate()

    feed.keys_changed()

    newer, also = told.get(timeout=SECONDS).public_keys
    assert (newer != older, also) == (True, older)
