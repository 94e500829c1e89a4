"""Sealed bytes: only the owner of a key can read them, and nobody else can have written them."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fednet.errors import InvalidInput

_NONCE: Final = bytes(12)
SEAL_BYTES: Final = 16


def seal(key: bytes, content: bytes, purpose: bytes) -> bytes:
    """Return content under AES-256-GCM (NIST SP 800-38D), 16 bytes longer.

    Args:
        key: 32 bytes that seal this content and nothing else, since the nonce is always the same.
        content: The content.
        purpose: Bytes that the reader must name, too.
    """
    return AESGCM(key).encrypt(_NONCE, content, purpose)


def unseal(key: bytes, sealed: bytes, purpose: bytes) -> bytes:
    """Return the content of sealed bytes.

    Raises:
        InvalidInput: The bytes were sealed with another key or for another purpose, or are damaged.
    """
    try:
        return AESGCM(key).decrypt(_NONCE, sealed, purpose)
    except (InvalidTag, ValueError) as error:
        raise InvalidInput(
            "Sealed bytes do not open: they are damaged, or meant for somebody else.",
            field="sealed",
        ) from error
