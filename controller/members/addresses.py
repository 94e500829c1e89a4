"""Addresses in the documents of combiners."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet.addresses import join_address

if TYPE_CHECKING:
    from fednet.storage import Document


def address_of(combiner: Document) -> str:
    """Return a combiner's address, `host:port`."""
    return join_address(combiner["address"], combiner["port"])


def speaks_tls(combiner: Document) -> bool:
    """Return True if a combiner is reached over TLS; an older version has not stored it, and had none."""
    return bool(combiner.get("tls", False))
