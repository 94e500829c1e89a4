"""Chunks as protobuf reads and writes them, without its copies."""

import io

import google_crc32c
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.errors import TransferCorrupted
from fednet.rpc import Chunk, download_messages
from fednet.rpc._chunks import read_download_message, read_upload_message, upload_messages
from fednet.wire import models_pb2

PIECE = 64

chunks = st.builds(
    models_pb2.Chunk, data=st.binary(max_size=300), crc32c=st.integers(0, 2**32 - 1)
).map(models_pb2.Chunk.SerializeToString)


def field(number, kind, value):
    return bytes([number << 3 | kind]) + value


def with_length(value):
    return models_pb2.Chunk(data=value).SerializeToString()[1:] if value else b"\0"


# A chunk whose checksum comes first, and whatever else may stand in a message.
our_chunks = st.builds(
    lambda checksum, data: field(2, 5, checksum) + field(1, 2, with_length(data)),
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=300),
)
messages = st.one_of(
    st.builds(
        lambda number, chunk, rest: field(number, 2, with_length(chunk)) + rest,
        st.integers(1, 3),
        st.one_of(chunks, our_chunks, st.binary(max_size=20)),
        st.one_of(st.just(b""), st.binary(max_size=20)),
    ),
    st.binary(max_size=40),
)


def by_protobuf(kind, message):
    part = kind.FromString(message)
    if kind is models_pb2.UploadPart and part.HasField("header"):
        return part.header
    return bytes(part.chunk.data), part.chunk.crc32c


def by_us(read, message):
    found = read(message)
    return (bytes(found.data), found.crc32c) if isinstance(found, Chunk) else found


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (models_pb2.UploadPart, read_upload_message),
        (models_pb2.DownloadPart, read_download_message),
    ],
)
@given(messages)
def test_a_message_is_read_as_protobuf_reads_it(kind, read, message):
    """One in our own form, in another order, with unknown fields, or none at all."""
    try:
        expected = by_protobuf(kind, message)
    except DecodeError:
        with pytest.raises(DecodeError):
            read(message)
    else:
        assert by_us(read, message) == expected


@pytest.mark.parametrize("size", [1, 127, 128, 16_383, 16_384, 100_000, 2_100_000])
def test_a_chunk_of_any_size_is_read_without_a_copy(monkeypatch, size):
    """The lengths before it have one byte to four."""
    monkeypatch.setattr("fednet.limits.chunk_bytes", size)
    [message] = download_messages(io.BytesIO(bytes(size)), 0)

    chunk = read_download_message(message)

    assert chunk.data.obj is message
    assert chunk.checked_data() == bytes(size)
    assert by_protobuf(models_pb2.DownloadPart, message) == (bytes(size), chunk.crc32c)


@given(st.binary(max_size=500), st.integers(0, 500))
def test_chunks_are_the_rest_of_the_file(content, offset):
    """From any offset on; each within its size and with its checksum, whether they go up or down."""
    header = models_pb2.UploadHeader(task_id="task", size_bytes=7, offset_bytes=offset)

    down = [read_download_message(each) for each in download_messages(io.BytesIO(content), offset)]
    first, *up = map(read_upload_message, upload_messages(header, io.BytesIO(content)))

    assert first == header
    for chunks_found in (down, up):
        assert b"".join(each.checked_data() for each in chunks_found) == content[offset:]
        assert all(0 < len(each.data) <= PIECE for each in chunks_found)


@pytest.mark.parametrize("crc32c", [0, 1, 2**32 - 1])
def test_a_chunk_is_held_against_its_checksum(crc32c):
    """Anything but the right one is refused."""
    assert Chunk(memoryview(b"piece"), google_crc32c.value(b"piece")).checked_data() == b"piece"
    with pytest.raises(TransferCorrupted, match="checksum"):
        Chunk(memoryview(b"piece"), crc32c).checked_data()


def test_the_messages_end_where_the_file_is_closed(tmp_path):
    """A thread of gRPC may ask for one after the upload was refused; it has nothing to complain of."""
    path = tmp_path / "update"
    path.write_bytes(bytes(3 * limits.chunk_bytes))
    with path.open("rb", buffering=0) as file:
        messages = upload_messages(models_pb2.UploadHeader(), file)
        next(messages)
        next(messages)

    assert list(messages) == []


def test_a_file_that_cannot_be_read_is_an_error():
    """It is no end of the file."""
    messages = upload_messages(models_pb2.UploadHeader(), Unreadable())
    next(messages)

    with pytest.raises(OSError, match="broken disk"):
        next(messages)


class Unreadable(io.BytesIO):
    """A file on a broken disk."""

    def read(self, _size):
        raise OSError("broken disk")
