"""Messages in parts: hostile chunks, and bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.controller.facades.xaynet.parts import Parts
from fednet.errors import InvalidInput, LimitExceeded
from fednet.storage import open_blobs
from fednet.xaynet import PayloadChunk, SignedMessage, Tag, chunks_of


def message(chunk, sender=b"p" * 32, tag=Tag.UPDATE):
    return SignedMessage(sender, b"c" * 32, tag, True, chunk.to_bytes())


@pytest.fixture
def parts(blobs):
    return Parts(blobs, "rounds/1/parts", 1000)


@given(st.data())
def test_chunks_in_any_order_and_repeated_give_the_payload(data):
    """Another process may go on after any of them; nothing is left behind."""
    blobs = open_blobs("memory://")
    payload = data.draw(st.binary(min_size=1, max_size=60))
    chunks = list(chunks_of(payload, 3, 10))
    order = data.draw(st.permutations(chunks))
    repeated = data.draw(st.lists(st.sampled_from(order[:-1]), max_size=4)) if order[:-1] else []
    results = []
    for chunk in [*order[:-1], *repeated, order[-1]]:
        parts = Parts(blobs, "parts", 1000)
        results.append(parts.join(message(chunk)))

    assert results == [None] * (len(results) - 1) + [payload]
    assert list(blobs.list("")) == []


def test_a_newer_payload_takes_the_place_of_an_older_one(parts, blobs):
    """A participant has one payload under way in each phase."""
    parts.join(message(PayloadChunk(0, 1, False, b"old")))
    parts.join(message(PayloadChunk(0, 1, False, b"sum"), tag=Tag.SUM))
    parts.join(message(PayloadChunk(0, 2, False, b"new ")))

    assert parts.join(message(PayloadChunk(1, 2, True, b"payload"))) == b"new payload"
    assert len(list(blobs.list(""))) == 1


def test_chunks_of_several_participants_do_not_mix(parts):
    """Also if they have the same number and message id."""
    parts.join(message(PayloadChunk(0, 1, False, b"a"), b"a" * 32))
    parts.join(message(PayloadChunk(0, 1, False, b"b"), b"b" * 32))

    assert parts.join(message(PayloadChunk(1, 1, True, b"!"), b"a" * 32)) == b"a!"


@pytest.mark.parametrize(
    "chunks",
    [
        [PayloadChunk(1, 1, True, b""), PayloadChunk(2, 1, False, b"")],
        [PayloadChunk(2, 1, False, b""), PayloadChunk(1, 1, True, b"")],
        [PayloadChunk(1, 1, True, b""), PayloadChunk(2, 1, True, b"")],
        [PayloadChunk(2, 1, True, b""), PayloadChunk(1, 1, True, b"")],
    ],
)
def test_chunks_behind_the_last_one_are_refused(parts, chunks):
    """A payload has one end."""
    parts.join(message(chunks[0]))

    with pytest.raises(InvalidInput, match="behind the last"):
        parts.join(message(chunks[1]))


def test_a_payload_is_bounded(parts):
    """Its chunks together are at most as large as the largest payload."""
    parts.join(message(PayloadChunk(0, 1, False, bytes(600))))
    parts.join(message(PayloadChunk(0, 1, False, bytes(600))))  # again: it counts once

    with pytest.raises(LimitExceeded, match="1000"):
        parts.join(message(PayloadChunk(1, 1, False, bytes(401))))


def test_all_payloads_are_bounded_together(parts, monkeypatch):
    """Also if their chunks are empty."""
    monkeypatch.setattr(limits, "xaynet_parts_bytes_max", 10 * limits.KIB)
    for number in range(10):
        parts.join(message(PayloadChunk(0, 1, False, b""), bytes([number]) * 32))

    with pytest.raises(LimitExceeded, match="room"):
        parts.join(message(PayloadChunk(0, 1, False, b""), b"x" * 32))
