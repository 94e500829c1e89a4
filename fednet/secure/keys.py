"""Keys: derived from secrets by HKDF, and agreed on by X25519; each is bound to its purpose."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fednet.digests import sha256_of
from fednet.errors import InvalidInput

Part = str | bytes | int
_LENGTH_BYTES: Final = 8
_KEY_BYTES: Final = 32
_NONCE: Final = bytes(16)  # each seed serves for one stream


def joined(*parts: Part) -> bytes:
    """Return bytes that no other sequence of parts gives: each part with its type and its length before it."""
    pieces = []
    for part in parts:
        kind, content = _content_of(part)
        pieces += [kind, len(content).to_bytes(_LENGTH_BYTES, "big"), content]
    return b"".join(pieces)


def digest_of_parts(*parts: Part) -> bytes:
    """Return the SHA-256 of `joined` parts, 32 bytes."""
    return bytes.fromhex(sha256_of(joined(*parts)))


def derived(secret: bytes, *purpose: Part) -> bytes:
    """Return 32 bytes for one purpose: HKDF-SHA256 (RFC 5869) of a secret, with the purpose as info."""
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=joined(*purpose)).derive(secret)


def stretched(seed: bytes, size_bytes: int) -> bytes:
    """Return the first bytes of the ChaCha20 stream (RFC 8439) of a 32-byte seed that serves for nothing else."""
    stream = Cipher(algorithms.ChaCha20(seed, _NONCE), mode=None).encryptor()
    return stream.update(bytes(size_bytes))


def private_key(content: bytes) -> X25519PrivateKey:
    """Return the X25519 private key (RFC 7748) of any 32 bytes."""
    return X25519PrivateKey.from_private_bytes(content)


def public_bytes(private: X25519PrivateKey) -> bytes:
    """Return the 32 bytes of a private key's public key."""
    return private.public_key().public_bytes_raw()


def agreed_key(private: X25519PrivateKey, public: bytes, *purpose: Part) -> bytes:
    """Return 32 bytes that only the owners of two X25519 keys can compute, for one purpose.

    Raises:
        InvalidInput: The public key is a point of small order, with which every secret is known.
    """
    try:
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise InvalidInput(
            "A public key is a point of small order. Its owner must make another.", field="key"
        ) from error
    return derived(shared, *purpose)


def is_usable(public: bytes) -> bool:
    """Return False for a public key of small order, with which nobody can agree on a key."""
    try:
        agreed_key(private_key(bytes(_KEY_BYTES)), public)
    except InvalidInput:
        return False
    return True


def _content_of(part: Part) -> tuple[bytes, bytes]:
    if isinstance(part, bytes):
        return b"b", part
    return (b"s", part.encode()) if isinstance(part, str) else (b"i", str(part).encode())
