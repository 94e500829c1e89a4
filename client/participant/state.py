"""The saved state of a participant: bytes with a version and a checksum, as a list of integers.

    b"FNPS" | version, 1 byte | SHA-256 of the rest, 32 bytes | the rest

The rest has eight fields, each behind its size (8 bytes, little-endian): the secret of the identity (32 bytes), the
scalar (float64), the phase (1 byte), the round's parameters in bincode, the secret of a sum participant's key (32
bytes), an undelivered message, and the dtype and the bytes of a local model. Fields without a value are empty.

The state contains secrets, unencrypted. The checksum finds damage; it is no protection against forgery.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fednet.digests import sha256_of
from fednet.errors import InvalidInput
from fednet.xaynet import KEY_BYTES, SEED_BYTES, RoundParameters, SealingKey, SignatureKey

from .exceptions import ParticipantInit, ParticipantRestore
from .values import LocalModel, Phase, Standing

_MAGIC: Final = b"FNPS"
_VERSION: Final = 1
_SIZE: Final = struct.Struct("<Q")
_SCALAR: Final = struct.Struct("<d")
_FIELDS: Final = 8
_HEAD_BYTES: Final = len(_MAGIC) + 1
_CHECKED_FROM: Final = _HEAD_BYTES + 32
_DTYPES: Final = {f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {
    "<f2",
    "<f4",
    "<f8",
}


@dataclass(frozen=True)
class State:
    """A participant at rest.

    Attributes:
        identity: Its long-term key.
        scalar: The weight of its models in the mean.
        standing: Its standing in the round.
    """

    identity: SignatureKey
    scalar: float
    standing: Standing

    def to_list(self) -> list[int]:
        """Return the bytes of the state."""
        rest = b"".join(_SIZE.pack(len(field)) + field for field in self._fields())
        return list(b"".join([_MAGIC, bytes([_VERSION]), bytes.fromhex(sha256_of(rest)), rest]))

    def _fields(self) -> Iterable[bytes]:
        standing = self.standing
        yield self.identity.seed
        yield _SCALAR.pack(self.scalar)
        yield bytes([standing.phase.value])
        yield standing.parameters.to_bytes() if standing.parameters else b""
        yield standing.key.secret if standing.key else b""
        yield standing.message or b""
        yield from _of_model(standing.model)

    @classmethod
    def new(cls, scalar: float) -> State:
        """Return a new participant.

        Raises:
            ParticipantInit: The scalar is no number, not finite or negative.
        """
        try:
            return cls(SignatureKey.generate(), _finite(float(scalar)), Standing())
        except (TypeError, ValueError):
            raise ParticipantInit(
                f"Invalid scalar {scalar!r}: use a number of at least 0, such as 1.0."
            ) from None

    @classmethod
    def from_list(cls, state: Sequence[int]) -> State:
        """Read the bytes of a state.

        Raises:
            ParticipantRestore: They are damaged, of another version, or no state at all.
        """
        fields = _fields_of(_checked(_bytes_of(state)))
        try:
            return _read(*fields)
        except (InvalidInput, struct.error, TypeError, ValueError) as error:
            raise _unusable(f"it is damaged: {error}") from None


def _read(
    seed: bytes,
    scalar: bytes,
    phase: bytes,
    parameters: bytes,
    key: bytes,
    message: bytes,
    dtype: bytes,
    model: bytes,
) -> State:
    standing = Standing(
        Phase(*phase),
        RoundParameters.from_bytes(parameters) if parameters else None,
        SealingKey(_sized(key, KEY_BYTES)) if key else None,
        _to_model(dtype, model),
        message or None,
    )
    _check(standing)
    return State(SignatureKey(_sized(seed, SEED_BYTES)), _finite(*_SCALAR.unpack(scalar)), standing)


def _check(standing: Standing) -> None:
    """Check that the parts of a standing fit one another."""
    if (standing.phase is Phase.NONE) is not (standing.parameters is None):
        raise ValueError("its phase does not fit its round")
    if standing.phase is Phase.SUM2 and standing.key is None:
        raise ValueError("a key is missing")
    if standing.message is not None and standing.phase in {Phase.NONE, Phase.DONE}:
        raise ValueError("its message has no phase")


def _finite(scalar: float) -> float:
    if not (math.isfinite(scalar) and scalar >= 0):
        raise ValueError(f"its scalar is {scalar}")
    return scalar


def _sized(data: bytes, size_bytes: int) -> bytes:
    if len(data) != size_bytes:
        raise ValueError(f"a key has {len(data)} bytes instead of {size_bytes}")
    return data


def _of_model(model: LocalModel | None) -> tuple[bytes, bytes]:
    if model is None:
        return b"", b""
    portable = model.astype(model.dtype.newbyteorder("<"))
    return portable.dtype.str.encode(), portable.tobytes()


def _to_model(dtype: bytes, model: bytes) -> LocalModel | None:
    if not dtype:
        return None
    name = dtype.decode()
    if name.replace("|", "<") not in _DTYPES:
        raise ValueError(f"its model has the dtype {name}")
    return np.frombuffer(model, np.dtype(name)).astype(np.dtype(name).newbyteorder("="))


def _bytes_of(state: Any) -> bytes:
    try:
        return bytes(list(state))
    except (TypeError, ValueError):
        raise _unusable("it is no list of integers from 0 to 255") from None


def _checked(data: bytes) -> bytes:
    """Return the part of a state that its checksum covers."""
    if len(data) < _CHECKED_FROM or not data.startswith(_MAGIC):
        raise _unusable("it is not the state of a fednet participant")
    if data[len(_MAGIC)] != _VERSION:
        raise _unusable(f"it has version {data[len(_MAGIC)]}, and this fednet reads {_VERSION}")
    rest = data[_CHECKED_FROM:]
    if bytes.fromhex(sha256_of(rest)) != data[_HEAD_BYTES:_CHECKED_FROM]:
        raise _unusable("it is damaged: its checksum differs")
    return rest


def _fields_of(rest: bytes) -> list[bytes]:
    fields, place = [], 0
    while place + _SIZE.size <= len(rest):
        (size,) = _SIZE.unpack_from(rest, place)
        place += _SIZE.size
        fields.append(rest[place : place + size])
        place += size
    if place != len(rest) or len(fields) != _FIELDS:
        raise _unusable("it is damaged: its fields do not end where it ends")
    return fields


def _unusable(reason: str) -> ParticipantRestore:
    return ParticipantRestore(f"The participant cannot be restored from this state: {reason}.")
