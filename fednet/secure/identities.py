"""Identities: the Ed25519 keys (RFC 8032) by which clients know one another's messages."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)


class Identity:
    """A client's own identity.

    Args:
        private: The 32 private bytes.

    Attributes:
        public: The 32 bytes of the public key.
    """

    def __init__(self, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, statement: bytes) -> bytes:
        """Return the signature of a statement, 64 bytes; the same each time."""
        return self._key.sign(statement)


def new_identity() -> bytes:
    """Return the private bytes of a new identity, from the operating system's randomness."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def has_signed(public: bytes, statement: bytes, signature: bytes) -> bool:
    """Return True if the owner of a public key has signed a statement."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True
