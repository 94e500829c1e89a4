"""Addresses of combiners: `host:port`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from fednet.storage import Document

_ADDRESS = re.compile(r"(?P<host>[^\s/@:]+|\[[0-9A-Fa-f:.]+\]):(?P<port>\d{1,5})")


def address_of(combiner: Document) -> str:
    """Return a combiner's address, `host:port`."""
    return f"{combiner['address']}:{combiner['port']}"


def split_address(address: str) -> tuple[str, int]:
    """Return host and port.

    Raises:
        InvalidInput: It is not `host:port`.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match["port"]) < 2**16:
        raise InvalidInput(
            f"The address {address!r} must be host:port, such as 10.0.0.7:12080.", field="address"
        )
    return match["host"], int(match["port"])
