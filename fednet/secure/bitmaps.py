"""Sets of positions as bitmaps: bit p % 8 of byte p // 8, from the lowest bit on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Collection


def bitmap_of(positions: Collection[int], clients: int) -> bytes:
    """Return the bitmap of positions below `clients`."""
    return sum(1 << position for position in positions).to_bytes(_size(clients), "little")


def positions_in(bitmap: bytes, clients: int) -> set[int]:
    """Return the positions in a bitmap.

    Raises:
        InvalidInput: It is no bitmap for so many clients.
    """
    bits = int.from_bytes(bitmap, "little")
    if len(bitmap) != _size(clients) or bits >> clients:
        raise InvalidInput(f"This is no bitmap of {clients} clients.", field="bitmap")
    return {position for position in range(clients) if bits >> position & 1}


def _size(clients: int) -> int:
    return -(-clients // 8)
