"""Messages and payloads: their bytes, and hostile ones."""

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.errors import InvalidInput
from fednet.xaynet import (
    HEADER_BYTES,
    BoundType,
    DataType,
    GroupType,
    MaskConfig,
    MaskObject,
    ModelType,
    PayloadChunk,
    SealingKey,
    SignatureKey,
    SignedMessage,
    Sum2Payload,
    SumPayload,
    Tag,
    UpdatePayload,
    chunks_of,
    derive_mask,
    mask,
    object_bytes,
    seal,
)
from fednet.xaynet._modular import Modulus

KEY = SignatureKey(bytes(range(32)))
COORDINATOR = SealingKey(bytes(range(32, 64)))
INTEGER = MaskConfig(GroupType.Integer, DataType.I32, BoundType.B0, ModelType.M3)
DEFAULT = MaskConfig(GroupType.Prime, DataType.F32, BoundType.B0, ModelType.M3)
TICKET, OTHER_TICKET = b"s" * 64, b"u" * 64
MASKED = mask(np.array([0.1, 0.2, 0.3, 0.4], np.float32), 0.5, bytes(32), DEFAULT)
UPDATE = UpdatePayload(TICKET, OTHER_TICKET, MASKED, {b"p" * 32: b"1" * 80, b"q" * 32: b"2" * 80})

# rust/xaynet-core/src/mask/object/serialization
VECTOR = "0002000300000004010000000000020000000000030000000000040000000000"
UNIT = "00020003010000000000"


def message(payload: bytes, tag: Tag = Tag.SUM, *, is_multipart: bool = False) -> SignedMessage:
    return SignedMessage(KEY.public, COORDINATOR.public, tag, is_multipart, payload)


def resigned(data: bytes) -> bytes:
    """A damaged message with a signature that holds."""
    return KEY.sign(data[64:]) + data[64:]


def test_a_mask_object_has_xaynets_bytes():
    """The vector 1, 2, 3, 4 and the unit 1 take 42 bytes."""
    numbers = Modulus(INTEGER.order).of_ints([1, 2, 3, 4])

    data = MaskObject(INTEGER, numbers, 1).to_bytes()

    assert data.hex() == VECTOR + UNIT
    assert object_bytes(INTEGER, 4) == 42
    read = MaskObject.from_bytes(data, INTEGER, 4)
    assert (read.vector.tolist(), read.unit) == ([[1, 2, 3, 4]], 1)


@pytest.mark.parametrize("bound", BoundType)
@pytest.mark.parametrize("group", GroupType)
def test_masks_of_every_width_are_read_as_they_are_written(group, bound):
    """Narrow and wide elements, of each kind of order."""
    for data in DataType:
        config = MaskConfig(group, data, bound, ModelType.M12)
        original = derive_mask(bytes(32), config, 3)

        read = MaskObject.from_bytes(original.to_bytes(), config, 3)

        assert read.unit == original.unit
        assert np.array_equal(read.vector, original.vector)


def test_sealed_messages_have_xaynets_sizes():
    """These are the sizes of the real participant, for four weights and one sum participant."""
    one_seed = UpdatePayload(TICKET, OTHER_TICKET, MASKED, {b"p" * 32: b"1" * 80})
    payloads = (SumPayload(TICKET, b"k" * 32), one_seed, Sum2Payload(TICKET, MASKED))
    messages = [message(payload.to_bytes()).to_bytes(KEY) for payload in payloads]

    assert HEADER_BYTES == 136
    assert [len(seal(COORDINATOR.public, each)) for each in messages] == [280, 470, 290]


def test_a_message_is_read_as_it_is_written():
    """Sealed, opened, checked."""
    sealed = seal(COORDINATOR.public, message(b"payload", Tag.SUM2).to_bytes(KEY))

    read = SignedMessage.from_bytes(COORDINATOR.open(sealed))

    assert read == message(b"payload", Tag.SUM2)


def test_the_header_has_its_places():
    """Signature, two keys, the length of the whole, tag, flags and two reserved bytes."""
    data = message(b"payload", Tag.UPDATE, is_multipart=True).to_bytes(KEY)

    assert data[64:128] == KEY.public + COORDINATOR.public
    assert data[128:136] == bytes([0, 0, 0, 143, 2, 1, 0, 0])


def test_a_message_of_another_sender_is_refused():
    """The signature covers everything behind itself."""
    data = message(b"payload").to_bytes(KEY)

    for place in (0, 70, 100, 140):
        damaged = bytearray(data)
        damaged[place] ^= 1
        with pytest.raises(InvalidInput, match="signature"):
            SignedMessage.from_bytes(bytes(damaged))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:135], "within its header"),
        (lambda data: data + b"x", "its header says"),
        (lambda data: data[:132] + b"\x00" + data[133:], "tag 0 is unknown"),
        (lambda data: data[:132] + b"\x04" + data[133:], "tag 4 is unknown"),
    ],
)
def test_a_message_of_another_form_is_refused(change, reason):
    """The error names what is wrong."""
    with pytest.raises(InvalidInput, match=reason):
        SignedMessage.from_bytes(resigned(change(message(b"payload").to_bytes(KEY))))


def test_payloads_are_read_as_they_are_written():
    """Each of the three phases."""
    application = SumPayload(TICKET, b"k" * 32)

    update = UpdatePayload.from_bytes(UPDATE.to_bytes(), DEFAULT, 4)
    sum2 = Sum2Payload.from_bytes(Sum2Payload(TICKET, MASKED).to_bytes(), DEFAULT, 4)

    assert SumPayload.from_bytes(application.to_bytes()) == application
    assert (update.sum_ticket, update.update_ticket, update.seeds) == (
        TICKET,
        OTHER_TICKET,
        UPDATE.seeds,
    )
    assert update.model.to_bytes() == sum2.mask.to_bytes() == MASKED.to_bytes()


def test_the_seeds_stand_behind_their_length():
    """Two entries take 0xe4 bytes, the length included."""
    assert UPDATE.to_bytes()[128 + object_bytes(DEFAULT, 4) :].startswith(bytes.fromhex("000000e4"))


def seeds_of(*entries: bytes, length: int | None = None) -> bytes:
    """An update with other seeds."""
    data = b"".join(entries)
    head = struct.pack(">I", 4 + len(data) if length is None else length)
    return UPDATE.to_bytes()[: 128 + object_bytes(DEFAULT, 4)] + head + data


ENTRY = b"p" * 112


@pytest.mark.parametrize(
    "data",
    [
        b"",
        UPDATE.to_bytes()[:-1],
        UPDATE.to_bytes() + b"x",
        UPDATE.to_bytes()[: 128 + object_bytes(DEFAULT, 4)],
        seeds_of(ENTRY, ENTRY),
        seeds_of(ENTRY, length=3),
        seeds_of(ENTRY, length=2**32 - 1),
        seeds_of(ENTRY[1:]),
    ],
    ids=["empty", "short", "long", "no-seeds", "twice", "small", "huge", "cut"],
)
def test_an_update_of_another_form_is_refused(data):
    """Seeds end where the payload ends, and each sum participant has one."""
    with pytest.raises(InvalidInput):
        UpdatePayload.from_bytes(data, DEFAULT, 4)


@pytest.mark.parametrize(
    ("place", "bytes_", "reason"),
    [
        (0, b"\x00", "mask configuration"),
        (4, struct.pack(">I", 5), "4 elements"),
        (8, b"\xff" * 6, "below the order"),
        (32, b"\x00", "mask configuration"),
        (36, b"\xff" * 6, "below the order"),
    ],
)
def test_a_mask_object_of_another_form_is_refused(place, bytes_, reason):
    """Configuration, count and range of each element are checked."""
    data = bytearray(MASKED.to_bytes())
    data[place : place + len(bytes_)] = bytes_

    with pytest.raises(InvalidInput, match=reason):
        MaskObject.from_bytes(bytes(data), DEFAULT, 4)


@given(st.binary(min_size=0, max_size=300), st.integers(1, 50))
def test_chunks_add_up_to_their_payload(payload, chunk_bytes):
    """Numbers count from 0, and only the last chunk says that it is."""
    chunks = list(chunks_of(payload, 7, chunk_bytes))

    read = [PayloadChunk.from_bytes(chunk.to_bytes()) for chunk in chunks]

    assert read == chunks
    assert b"".join(chunk.data for chunk in read) == payload
    assert [chunk.number for chunk in read] == list(range(len(read)))
    assert [chunk.is_last for chunk in read] == [False] * (len(read) - 1) + [True]


def test_a_chunk_has_its_places():
    """Number, message and flags, then three reserved bytes."""
    assert PayloadChunk(1, 258, True, b"x").to_bytes() == bytes([0, 1, 1, 2, 1, 0, 0, 0]) + b"x"


def test_too_many_chunks_are_refused():
    """Their numbers have 16 bits."""
    with pytest.raises(InvalidInput, match="65536"):
        list(chunks_of(bytes(65_537), 1, 1))


@given(st.binary(max_size=400))
def test_no_bytes_raise_another_error(data):
    """Whatever arrives is read, or refused by its name."""
    readers = [
        SignedMessage.from_bytes,
        SumPayload.from_bytes,
        PayloadChunk.from_bytes,
        lambda each: UpdatePayload.from_bytes(each, DEFAULT, 4),
        lambda each: Sum2Payload.from_bytes(each, DEFAULT, 4),
        lambda each: MaskObject.from_bytes(each, DEFAULT, 4),
    ]
    for read in readers:
        with contextlib.suppress(InvalidInput):
            read(data)
