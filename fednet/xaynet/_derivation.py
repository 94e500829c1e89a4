"""Masks from seeds: ChaCha20 (RFC 8439, with the 64-bit counter of the original) and rejection sampling.

A draw takes whole words of 32 bits from the keystream, keeps as many bytes as the order has, and counts if the number
is below the order. The first number that counts is the mask of the unit; the mask of the vector follows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

from fednet import limits
from fednet.errors import InvalidInput
from fednet.xaynet._mask_config import MaskConfig
from fednet.xaynet._mask_object import MaskObject
from fednet.xaynet._modular import Modulus, Numbers

SEED_BYTES: Final = 32
_WORD_BYTES: Final = 4
_NONCE: Final = bytes(16)  # the counter and the stream, both 0


def derive_mask(seed: bytes, config: MaskConfig, length: int) -> MaskObject:
    """Return the mask of a seed of 32 bytes.

    Raises:
        InvalidInput: The seed has another size.
    """
    if len(seed) != SEED_BYTES:
        raise InvalidInput(f"A mask seed has {SEED_BYTES} bytes, this one has {len(seed)}.")
    draws = Draws(seed, config.order)
    (unit,) = Modulus(config.order).to_ints(draws.first())
    return MaskObject(config, draws.all_others(length), unit)


class Draws:
    """Uniform numbers below an order, from the keystream of a seed.

    Args:
        seed: The key of ChaCha20, 32 bytes.
        order: The numbers are below it.
    """

    def __init__(self, seed: bytes, order: int) -> None:
        self._keystream = Cipher(ChaCha20(seed, _NONCE), mode=None).encryptor()
        self._modulus = Modulus(order)
        draw_bytes = (order.bit_length() + 7) // 8
        self._cell_bytes = -(-draw_bytes // _WORD_BYTES) * _WORD_BYTES
        self._probability = order / 2 ** (8 * draw_bytes)
        self._dropped_bits = 8 * (self._cell_bytes - draw_bytes)

    def first(self) -> Numbers:
        """Return the next number, of shape (digits, 1), and leave the keystream right behind it."""
        while not (numbers := self._accepted(1)).shape[1]:
            pass
        return numbers

    def all_others(self, length: int) -> Numbers:
        """Return the next `length` numbers; there are no more draws afterwards."""
        numbers, filled = self._modulus.zeros(length), 0
        while filled < length:
            accepted = self._accepted(self._cells_for(length - filled))[:, : length - filled]
            numbers[:, filled : filled + accepted.shape[1]] = accepted
            filled += accepted.shape[1]
        return numbers

    def _cells_for(self, wanted: int) -> int:
        """Return about as many cells as are needed, at most a block."""
        return min(int(wanted / self._probability) + 1, self._block_cells)

    @property
    def _block_cells(self) -> int:
        return max(1, limits.xaynet_block_bytes // self._cell_bytes)

    def _accepted(self, cells: int) -> Numbers:
        keystream = self._keystream.update(bytes(cells * self._cell_bytes))
        is_single = self._modulus.digits == 1
        candidates = (self._single_digits if is_single else self._several_digits)(keystream)
        return candidates[:, self._modulus.are_below(candidates)]

    def _single_digits(self, keystream: bytes) -> Numbers:
        cells = np.frombuffer(keystream, f"<u{self._cell_bytes}").astype(np.uint64)
        kept_bits = 8 * self._cell_bytes - self._dropped_bits
        cells &= np.uint64(2**kept_bits - 1)
        return cells.reshape(1, -1)

    def _several_digits(self, keystream: bytes) -> Numbers:
        """Return the cells that may count, as digits; most are dropped for their highest digit alone."""
        cells = np.frombuffer(keystream, "<u4").reshape(-1, self._modulus.digits)
        highest: NDArray[np.uint32] = cells[:, -1] & np.uint32((2**32 - 1) >> self._dropped_bits)
        limit = self._modulus.order >> (32 * (self._modulus.digits - 1))
        possible = highest <= np.uint32(limit)
        numbers = cells[possible].T.astype(np.uint64, order="C")
        numbers[-1] = highest[possible]
        return numbers
