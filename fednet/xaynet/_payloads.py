"""Payloads of messages: of the phases sum, update and sum2, and chunks of one of them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from fednet.errors import InvalidInput
from fednet.xaynet._documents import SEALED_SEED_BYTES
from fednet.xaynet._keys import KEY_BYTES, SIGNATURE_BYTES
from fednet.xaynet._mask_config import MaskConfig
from fednet.xaynet._mask_object import MaskObject, object_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LENGTH: Final = struct.Struct(">I")
_CHUNK: Final = struct.Struct(">HHB3x")  # id, message id, flags
_LAST: Final = 1
_SEED_ENTRY_BYTES: Final = KEY_BYTES + SEALED_SEED_BYTES
CHUNKS_MAX: Final = 2**16


@dataclass(frozen=True)
class SumPayload:
    """The application of a sum participant.

    Attributes:
        sum_ticket: The participant's ticket for the sum task, 64 bytes.
        sealing_key: Its public key of this round, 32 bytes.
    """

    sum_ticket: bytes
    sealing_key: bytes

    def to_bytes(self) -> bytes:
        """Return the payload."""
        return self.sum_ticket + self.sealing_key

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Self:
        """Read the payload.

        Raises:
            InvalidInput: It has another size.
        """
        parts = _divided(data, SIGNATURE_BYTES, KEY_BYTES)
        return cls(*map(bytes, parts))


@dataclass(frozen=True)
class UpdatePayload:
    """A masked model, and its seed for each sum participant.

    Attributes:
        sum_ticket: The ticket for the sum task, 64 bytes; it shows that the participant has not that task.
        update_ticket: The ticket for the update task, 64 bytes.
        model: The masked model.
        seeds: The sealed seed, 80 bytes, by the public key of each sum participant.
    """

    sum_ticket: bytes
    update_ticket: bytes
    model: MaskObject
    seeds: Mapping[bytes, bytes]

    def to_bytes(self) -> bytes:
        """Return the payload."""
        seeds = b"".join(participant + seed for participant, seed in self.seeds.items())
        length = _LENGTH.pack(_LENGTH.size + len(seeds))
        return b"".join([self.sum_ticket, self.update_ticket, self.model.to_bytes(), length, seeds])

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, config: MaskConfig, length: int) -> Self:
        """Read the payload with a model of a known configuration and length.

        Raises:
            InvalidInput: The payload is damaged, see also `MaskObject.from_bytes`.
        """
        tickets_bytes, model_bytes = 2 * SIGNATURE_BYTES, object_bytes(config, length)
        seeds_bytes = len(data) - tickets_bytes - model_bytes
        sizes = (SIGNATURE_BYTES, SIGNATURE_BYTES, model_bytes, seeds_bytes)
        sum_ticket, update_ticket, model, seeds = _divided(data, *sizes)
        return cls(
            bytes(sum_ticket),
            bytes(update_ticket),
            MaskObject.from_bytes(model, config, length),
            _seeds(seeds),
        )


def _seeds(data: memoryview) -> dict[bytes, bytes]:
    """Read the seeds behind their length, which counts itself."""
    count, odd = divmod(len(data) - _LENGTH.size, _SEED_ENTRY_BYTES)
    if odd or count < 0 or _LENGTH.unpack_from(data) != (len(data),):
        raise _invalid("the seeds do not end where it ends")
    starts = range(_LENGTH.size, len(data), _SEED_ENTRY_BYTES)
    entries = (bytes(data[start : start + _SEED_ENTRY_BYTES]) for start in starts)
    seeds = {entry[:KEY_BYTES]: entry[KEY_BYTES:] for entry in entries}
    if len(seeds) != count:
        raise _invalid("a sum participant has two seeds")
    return seeds


@dataclass(frozen=True)
class Sum2Payload:
    """The sum of all masks, from a sum participant.

    Attributes:
        sum_ticket: The ticket for the sum task, 64 bytes.
        mask: The sum of the masks.
    """

    sum_ticket: bytes
    mask: MaskObject

    def to_bytes(self) -> bytes:
        """Return the payload."""
        return self.sum_ticket + self.mask.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes | memoryview, config: MaskConfig, length: int) -> Self:
        """Read the payload with a mask of a known configuration and length.

        Raises:
            InvalidInput: The payload is damaged, see also `MaskObject.from_bytes`.
        """
        sizes = (SIGNATURE_BYTES, object_bytes(config, length))
        sum_ticket, mask = _divided(data, *sizes)
        return cls(bytes(sum_ticket), MaskObject.from_bytes(mask, config, length))


@dataclass(frozen=True)
class PayloadChunk:
    """A part of a payload that is too large for one message.

    Attributes:
        number: The place of the chunk, from 0.
        message_id: The number of the payload, chosen by the participant.
        is_last: True if no chunk follows.
        data: The part.
    """

    number: int
    message_id: int
    is_last: bool
    data: bytes

    def to_bytes(self) -> bytes:
        """Return the payload."""
        return _CHUNK.pack(self.number, self.message_id, _LAST if self.is_last else 0) + self.data

    @classmethod
    def from_bytes(cls, data: bytes | memoryview) -> Self:
        """Read the payload.

        Raises:
            InvalidInput: It ends within the head of the chunk.
        """
        if len(data) < _CHUNK.size:
            raise _invalid("it ends within the head of a chunk")
        number, message_id, flags = _CHUNK.unpack_from(data)
        return cls(number, message_id, bool(flags & _LAST), bytes(data[_CHUNK.size :]))


def chunks_of(payload: bytes, message_id: int, chunk_bytes: int) -> Iterator[PayloadChunk]:
    """Yield the chunks of a payload, each with at most so many bytes.

    Raises:
        InvalidInput: There would be more chunks than they have numbers.
    """
    starts = range(0, max(1, len(payload)), chunk_bytes)
    if len(starts) > CHUNKS_MAX:
        raise _invalid(f"it needs more than {CHUNKS_MAX} chunks of {chunk_bytes} bytes")
    for number, start in enumerate(starts):
        data = payload[start : start + chunk_bytes]
        yield PayloadChunk(number, message_id, number == len(starts) - 1, data)


def _divided(data: bytes | memoryview, *sizes: int) -> list[memoryview]:
    """Return consecutive parts, which make up all of the payload."""
    if min(sizes) < 0 or sum(sizes) != len(data):
        raise _invalid(f"{len(data)} bytes are too many or too few")
    ends = [sum(sizes[: place + 1]) for place in range(len(sizes))]
    return [memoryview(data)[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def largest_payload_bytes(config: MaskConfig, length: int, sum_participants: int) -> int:
    """Return the size of an update for so many sum participants; no other payload is larger.

    Args:
        config: The mask configuration.
        length: The number of weights.
        sum_participants: Their number.
    """
    seeds = _LENGTH.size + _SEED_ENTRY_BYTES * sum_participants
    return 2 * SIGNATURE_BYTES + object_bytes(config, length) + seeds


def _invalid(reason: str) -> InvalidInput:
    return InvalidInput(f"Invalid payload: {reason}.", field="payload")
