"""Addresses in the documents of combiners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet.addresses import join_address

if TYPE_CHECKING:
    from fednet.storage import Document


def address_of(combiner: Document) -> str:
    """Return a combiner's address, `host:port`."""
    return join_address(combiner["address"], combiner["port"])
