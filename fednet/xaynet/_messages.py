"""Messages of participants: a signed header and a payload, in big-endian; sealed for the coordinator as a whole.

The header has a signature over everything behind it, the public keys of the participant and of the coordinator, the
length of the whole message, a tag, flags and two reserved bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from fednet.errors import InvalidInput
from fednet.xaynet._keys import KEY_BYTES, SIGNATURE_BYTES, SignatureKey, is_signed_by

_REST: Final = struct.Struct(">IBB2x")  # length, tag, flags
HEADER_BYTES: Final = SIGNATURE_BYTES + 2 * KEY_BYTES + _REST.size
_KEYS_END: Final = SIGNATURE_BYTES + 2 * KEY_BYTES
_MULTIPART: Final = 1
PAYLOAD_BYTES_MAX: Final = 2**32 - 1 - HEADER_BYTES
"""The size of the largest payload of one message."""


class Tag(Enum):
    """The phase that a message is for."""

    SUM = 1
    UPDATE = 2
    SUM2 = 3


@dataclass(frozen=True)
class SignedMessage:
    """An opened message, without its signature.

    Attributes:
        participant: The public key of the sender, 32 bytes.
        coordinator: The public key of the round for which it was signed, 32 bytes.
        tag: The phase.
        is_multipart: True if the payload is a chunk of a payload.
        payload: See `SumPayload`, `UpdatePayload`, `Sum2Payload` and `PayloadChunk`.
    """

    participant: bytes
    coordinator: bytes
    tag: Tag
    is_multipart: bool
    payload: bytes | memoryview

    def to_bytes(self, key: SignatureKey) -> bytes:
        """Return the message with its signature.

        Args:
            key: The key of the participant.

        Raises:
            InvalidInput: The payload is too large for a message.
        """
        if len(self.payload) > PAYLOAD_BYTES_MAX:
            raise _invalid(f"its payload is longer than {PAYLOAD_BYTES_MAX} bytes")
        length = HEADER_BYTES + len(self.payload)
        rest = _REST.pack(length, self.tag.value, _MULTIPART if self.is_multipart else 0)
        signed = b"".join([self.participant, self.coordinator, rest, self.payload])
        return key.sign(signed) + signed

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a message and check its signature.

        Raises:
            InvalidInput: The message is damaged, or the signature is not that of the participant.
        """
        message = cls._unchecked(data)
        if not is_signed_by(message.participant, data[SIGNATURE_BYTES:], data[:SIGNATURE_BYTES]):
            raise _invalid("its signature is not that of its sender")
        return message

    @classmethod
    def _unchecked(cls, data: bytes) -> Self:
        if len(data) < HEADER_BYTES:
            raise _invalid("it ends within its header")
        length, tag, flags = _REST.unpack_from(data, _KEYS_END)
        if length != len(data):
            raise _invalid(f"it has {len(data)} bytes, and its header says {length}")
        if tag not in {each.value for each in Tag}:
            raise _invalid(f"its tag {tag} is unknown")
        participant, coordinator = (
            data[end - KEY_BYTES : end] for end in (_KEYS_END - KEY_BYTES, _KEYS_END)
        )
        payload = memoryview(data)[HEADER_BYTES:]
        return cls(participant, coordinator, Tag(tag), bool(flags & _MULTIPART), payload)


def _invalid(reason: str) -> InvalidInput:
    return InvalidInput(f"Invalid message: {reason}.", field="message")
