"""Masks: the words of a cipher's key stream, added to a vector in the ring of its words.

The stream is that of ChaCha20 (RFC 8439, with 16 bytes of zeros for counter and nonce) or of AES-256 in counter mode
(NIST SP 800-38A, with a counter that begins at 0), read as little-endian words. A key serves for one stream, so the
nonce may be fixed. Addition wraps around, so that adding and subtracting the same mask leaves a vector as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fednet import limits
from fednet.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.ciphers import CipherContext

_Array = np.ndarray[Any, Any]

KEY_BYTES: Final = 32
_ZEROS: Final = bytes(16)


@dataclass(frozen=True)
class MaskKey:
    """The key of one mask.

    Attributes:
        key: 32 bytes; a secret.
        subtract: True if the mask is subtracted instead of added.

    Raises:
        InvalidInput: The key has another length.
    """

    key: bytes = field(repr=False)
    subtract: bool = False

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise InvalidInput(
                f"A key of a mask has {len(self.key)} bytes; it must have {KEY_BYTES}. Begin the round again.",
                field="key",
            )


def add_masks(vector: _Array, keys: Sequence[MaskKey], cipher: str) -> None:
    """Add the masks of these keys to a vector, in place; beside it, half a megabyte is needed.

    Args:
        vector: uint32 or uint64 of shape (n,), contiguous and writable.
        keys: The keys; a mask is subtracted if its key says so.
        cipher: `"chacha20"` or `"aes-ctr"`.

    Raises:
        InvalidInput: The cipher is unknown.
        MissingExtra: The library cryptography is not installed here.
    """
    dtype = vector.dtype
    assert dtype.kind == "u", "masks are words of a ring"
    streams = [(key_stream(key, cipher), np.subtract if key.subtract else np.add) for key in keys]
    zeros = memoryview(bytes(limits.mask_block_bytes))
    drawn = np.empty(limits.mask_block_bytes, np.uint8)
    items = limits.mask_block_bytes // dtype.itemsize
    for start in range(0, vector.size, items):
        block = vector[start : start + items]
        mask = drawn[: block.nbytes]
        words = mask.view(dtype.newbyteorder("<"))
        for stream, added in streams:
            stream.update_into(zeros[: block.nbytes], mask.data)
            added(block, words, out=block)


def key_stream(key: MaskKey, cipher: str) -> CipherContext:
    """Return a cipher that makes the key stream of zeros.

    Raises:
        InvalidInput: The cipher is unknown.
        MissingExtra: The library cryptography is not installed here.
    """
    ciphers = _ciphers()
    if cipher not in ciphers:
        raise InvalidInput(
            f"Unknown cipher {cipher!r}. Choose one of: {', '.join(ciphers)}.", field="cipher"
        )
    return ciphers[cipher](key.key)


def _ciphers() -> dict[str, Callable[[bytes], CipherContext]]:
    """Return the ciphers by name; each makes the stream of a key."""
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError as error:
        raise MissingExtra(
            "Secure aggregation needs the library cryptography. Install it: pip install cryptography."
        ) from error
    return {
        "chacha20": lambda key: Cipher(algorithms.ChaCha20(key, _ZEROS), mode=None).encryptor(),
        "aes-ctr": lambda key: Cipher(algorithms.AES256(key), modes.CTR(_ZEROS)).encryptor(),
    }
