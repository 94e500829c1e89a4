"""Chunks of files as they travel, each with its CRC32C (RFC 3720, appendix B.4).

The messages are those of `models.proto`. Protobuf's classes copy the bytes of a chunk twice at each end, which costs
more than all else that a chunk costs; so the few fields around them are written and read here. A message in another
form, such as one with its fields in another order, is left to protobuf.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

import google_crc32c
import numpy as np

from fednet import limits
from fednet.errors import TransferCorrupted
from fednet.wire import models_pb2

# The tags of fields: their number, and the way in which their value is written.
_CHUNK_OF_UPLOAD: Final = b"\x12"
_CHUNK_OF_DOWNLOAD: Final = b"\x0a"
_CHECKSUM: Final = b"\x15"
_DATA: Final = b"\x0a"
_CHECKSUM_FORM: Final = struct.Struct("<I")
_CHECKSUM_BYTES: Final = len(_CHECKSUM) + _CHECKSUM_FORM.size
# A length is written seven bits in a byte, the lowest ones first; a further bit says that more follow.
_LENGTH_BITS: Final = 7
_HAS_MORE: Final = 1 << _LENGTH_BITS
_LENGTH_BYTES_MAX: Final = 5


class Chunk(NamedTuple):
    """A piece of a file.

    Attributes:
        data: The bytes, a read-only view into the message.
        crc32c: The checksum that came with them.
    """

    data: memoryview
    crc32c: int

    def checked_data(self) -> memoryview:
        """Return the bytes; raise TransferCorrupted if they do not match the checksum."""
        # The library takes no memoryview, but an array over the same bytes.
        if google_crc32c.value(np.frombuffer(self.data, np.uint8)) != self.crc32c:
            raise TransferCorrupted("A piece does not match its checksum. Send it again.")
        return self.data


def upload_messages(header: models_pb2.UploadHeader, file: BinaryIO) -> Iterator[bytes]:
    """Yield the messages of an upload: its header, and the file from the header's offset on.

    They end where the file is closed: after a refusal, a thread of gRPC may still ask for the next one.
    """
    yield models_pb2.UploadPart(header=header).SerializeToString()
    try:
        yield from _chunk_messages(_CHUNK_OF_UPLOAD, file, header.offset_bytes)
    except (OSError, ValueError):
        if not file.closed:
            raise


def download_messages(file: BinaryIO, offset_bytes: int) -> Iterator[bytes]:
    """Yield the messages of a download: the file from an offset on."""
    return _chunk_messages(_CHUNK_OF_DOWNLOAD, file, offset_bytes)


def read_upload_message(message: bytes) -> models_pb2.UploadHeader | Chunk:
    """Return what a message of an upload holds; an empty chunk where it holds nothing.

    Raises:
        google.protobuf.message.DecodeError: It is no such message.
    """
    if chunk := _quickly_read(_CHUNK_OF_UPLOAD, message):
        return chunk
    part = models_pb2.UploadPart.FromString(message)
    return part.header if part.HasField("header") else _chunk_of(part.chunk)


def read_download_message(message: bytes) -> Chunk:
    """Return the chunk in a message of a download.

    Raises:
        google.protobuf.message.DecodeError: It is no such message.
    """
    if chunk := _quickly_read(_CHUNK_OF_DOWNLOAD, message):
        return chunk
    return _chunk_of(models_pb2.DownloadPart.FromString(message).chunk)


def _chunk_messages(tag: bytes, file: BinaryIO, offset_bytes: int) -> Iterator[bytes]:
    file.seek(offset_bytes)
    while data := file.read(limits.chunk_bytes):
        chunk = [
            _CHECKSUM,
            _CHECKSUM_FORM.pack(google_crc32c.value(data)),
            _DATA,
            _length(len(data)),
        ]
        yield b"".join((tag, _length(sum(map(len, chunk)) + len(data)), *chunk, data))


def _quickly_read(tag: bytes, message: bytes) -> Chunk | None:
    """Return the chunk of a message of our own form; None for one of another form."""
    at = _end_of_field_of_the_rest(message, 0, tag)
    if not at or message[at : at + 1] != _CHECKSUM:
        return None
    start = _end_of_field_of_the_rest(message, at + _CHECKSUM_BYTES, _DATA)
    if not start:
        return None
    [checksum] = _CHECKSUM_FORM.unpack_from(message, at + 1)
    return Chunk(memoryview(message)[start:], checksum)


def _end_of_field_of_the_rest(message: bytes, at: int, tag: bytes) -> int:
    """Return where the value begins if there stands a field that fills the rest of the message, else 0."""
    if message[at : at + 1] != tag:
        return 0
    length, start = _read_length(message, at + 1)
    return start if 0 < length == len(message) - start else 0


def _length(length: int) -> bytes:
    """Return a length as protobuf writes it."""
    low = []
    while length >= _HAS_MORE:
        low.append(length % _HAS_MORE | _HAS_MORE)
        length >>= _LENGTH_BITS
    return bytes([*low, length])


def _read_length(message: bytes, at: int) -> tuple[int, int]:
    """Return a length, and where it ends; 0 for none."""
    length = 0
    for place, byte in enumerate(message[at : at + _LENGTH_BYTES_MAX]):
        length |= (byte % _HAS_MORE) << (_LENGTH_BITS * place)
        if byte < _HAS_MORE:
            return length, at + place + 1
    return 0, at


def _chunk_of(chunk: models_pb2.Chunk) -> Chunk:
    return Chunk(memoryview(chunk.data), chunk.crc32c)
