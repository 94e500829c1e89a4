"""Keys of Xaynet's parties: Ed25519 signatures and libsodium's sealed boxes, and eligibility by signature."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Final, Self

from fednet.digests import sha256_of
from fednet.errors import InvalidInput, MissingExtra

try:
    from nacl.exceptions import BadSignatureError, CryptoError
    from nacl.public import PrivateKey, PublicKey, SealedBox
    from nacl.signing import SigningKey, VerifyKey
except ModuleNotFoundError as error:
    raise MissingExtra("Xaynet's wire needs PyNaCl: pip install 'fednet[xaynet]'.") from error

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
SEAL_BYTES: Final = 48
"""The bytes by which a sealed message is longer."""

_HASH_MAX: Final = 2**256 - 1


class Task(Enum):
    """The task of a participant in a round; the value is the text that is signed with the round's seed."""

    SUM = b"sum"
    UPDATE = b"update"


@dataclass(frozen=True)
class SignatureKey:
    """A participant's long-term key.

    Attributes:
        seed: The secret, 32 bytes.
    """

    seed: bytes

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        return cls(bytes(SigningKey.generate()))

    @property
    def public(self) -> bytes:
        """The participant's identity, 32 bytes."""
        return bytes(self._key.verify_key)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of data, 64 bytes."""
        return bytes(self._key.sign(data).signature)

    def ticket(self, round_seed: bytes, task: Task) -> bytes:
        """Return the signature that decides if the participant has a task in the round of this seed."""
        return self.sign(round_seed + task.value)

    @property
    def _key(self) -> SigningKey:
        return SigningKey(self.seed)


def is_signed_by(public: bytes, data: bytes, signature: bytes) -> bool:
    """Return True if the signature is that of this key over these data."""
    try:
        VerifyKey(public).verify(data, signature)
    except (BadSignatureError, CryptoError, ValueError):
        return False
    return True


def is_ticket_of(public: bytes, round_seed: bytes, task: Task, ticket: bytes) -> bool:
    """Return True if this participant has signed the round's seed for this task."""
    return is_signed_by(public, round_seed + task.value, ticket)


def is_eligible(ticket: bytes, probability: float) -> bool:
    """Return True if the hash of a ticket, as a share of the largest hash, is at most a probability; exact."""
    value = int.from_bytes(bytes.fromhex(sha256_of(ticket)), "little")
    return Fraction(value, _HASH_MAX) <= Fraction(probability)


@dataclass(frozen=True)
class SealingKey:
    """A key that opens sealed messages: the coordinator's of a round, or a sum participant's.

    Attributes:
        secret: 32 bytes.
    """

    secret: bytes

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        return cls(bytes(PrivateKey.generate()))

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return bytes(PrivateKey(self.secret).public_key)

    def open(self, sealed: bytes) -> bytes:
        """Return the message in a sealed box.

        Raises:
            InvalidInput: The box is damaged, or sealed for another key.
        """
        try:
            return bytes(SealedBox(PrivateKey(self.secret)).decrypt(sealed))
        except (CryptoError, ValueError):
            raise InvalidInput("The message cannot be opened with this key.") from None


def seal(public: bytes, message: bytes) -> bytes:
    """Return a message that only the owner of a public key can open, 48 bytes longer.

    Raises:
        InvalidInput: The key is none that can be used.
    """
    try:
        return bytes(SealedBox(PublicKey(public)).encrypt(message))
    except (CryptoError, ValueError):
        raise InvalidInput(
            "Nothing can be sealed with this public key.", field="public key"
        ) from None
