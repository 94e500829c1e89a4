"""Messages between an agent and the process of a package's object."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.errors import LimitExceeded, TaskFailed
from fednet.host import Inbox, encode, read_message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON), st.lists(st.integers(1, 7)))
def test_a_message_arrives_whole_however_it_is_cut(message, cuts):
    """A pipe gives what it has."""
    content, inbox = io.BytesIO(encode(message)), Inbox()
    for cut in cuts:
        inbox.feed(content.read(min(cut, inbox.wanted_bytes)))

    while inbox.wanted_bytes:
        inbox.feed(content.read(inbox.wanted_bytes))

    assert inbox.message == message


def test_messages_are_read_one_by_one():
    """None says that there are no more."""
    file = io.BytesIO(encode({"a": 1}) + encode({}))

    assert [read_message(file) for _ in range(3)] == [{"a": 1}, {}, None]


def test_half_a_message_is_none():
    """The other end died while writing."""
    assert read_message(io.BytesIO(encode({"a": 1})[:-1])) is None


def test_a_message_that_is_too_large_is_not_sent():
    """Nor would it be taken."""
    with pytest.raises(LimitExceeded):
        encode({"a": "x" * limits.host_message_bytes_max})


@pytest.mark.parametrize(
    "content",
    [
        struct.pack(">I", 0),
        struct.pack(">I", limits.host_message_bytes_max + 1),
        struct.pack(">I", 2) + b"[]",
        struct.pack(">I", 1) + b"{",
        struct.pack(">I", 30_000) + b"[" * 30_000,
        b"print",
    ],
)
def test_what_is_no_message_fails_the_task(content):
    """Nothing is allocated for a length that cannot be."""
    with pytest.raises(TaskFailed):
        read_message(io.BytesIO(content))
