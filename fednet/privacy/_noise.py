"""Gaussian noise from a cryptographic stream, so that nobody without its key can compute or guess it.

The stream is ChaCha20 (RFC 8439) under a key from the operating system; the method of Box and Muller ("A Note on the
Generation of Random Normal Deviates", 1958) makes Gaussian numbers of it, with 53 bits for each uniform number. So no
number lies beyond 8.6 standard deviations. The numbers are float64: the attack of Mironov ("On Significance of the
Least Significant Bits for Differential Privacy", CCS 2012) on the gaps between them is not defended against.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fednet.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY_BYTES: Final = 32
_NONCE: Final = bytes(16)  # a key serves for one stream
_WORD_BYTES: Final = 8
_UNUSED_BITS: Final = 11
_UNIT: Final = 2.0**-53


def new_noise_key() -> str:
    """Return a key of 256 bits from the operating system, in hexadecimal digits."""
    return secrets.token_hex(_KEY_BYTES)


def derived_key(key: str, purpose: str) -> str:
    """Return a key for one purpose; nobody can compute the first key, or that of another purpose, from it.

    Args:
        key: A key of `new_noise_key`.
        purpose: Any text; another one gives another key. It is a HMAC (RFC 2104) with SHA-256.
    """
    return hmac.digest(bytes.fromhex(key), purpose.encode(), "sha256").hex()


class GaussianNoise:
    """A stream of Gaussian numbers; the same key gives the same numbers.

    Args:
        key: 64 hexadecimal digits, used for no other stream; by default a new one.

    Raises:
        MissingExtra: The library cryptography is not installed here.
    """

    def __init__(self, key: str | None = None) -> None:
        self._update = _key_stream(bytes.fromhex(key or new_noise_key()))

    def draw(self, deviation: float, count: int) -> np.ndarray[Any, Any]:
        """Return the next numbers of the stream, float64.

        Args:
            deviation: Their standard deviation.
            count: Their number.
        """
        pairs = (count + 1) // 2
        first, second = self._uniform(2 * pairs).reshape(2, pairs)
        radius = np.sqrt(-2.0 * np.log(first + _UNIT))  # above 0, so that it has a logarithm
        angle = 2.0 * np.pi * second
        numbers = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
        return deviation * numbers[:count]

    def _uniform(self, count: int) -> np.ndarray[Any, Any]:
        """Return multiples of 2**-53, at least 0 and below 1."""
        words = np.frombuffer(self._update(bytes(_WORD_BYTES * count)), "<u8")
        return (words >> _UNUSED_BITS) * _UNIT


def _key_stream(key: bytes) -> Callable[[bytes], bytes]:
    """Return a function that encrypts: of zeros it makes the key stream."""
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
    except ImportError as error:
        raise MissingExtra(
            "Differential privacy needs the library cryptography. Install it: pip install cryptography."
        ) from error
    return Cipher(algorithms.ChaCha20(key, _NONCE), mode=None).encryptor().update
