"""A reference to a blob of the network, as every part of fednet holds it in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BlobRef:
    """A blob by its kind and id, with its size and digest.

    Attributes:
        kind: The kind by the name that it has on the wire.
        id: A UUID of ours.
        size_bytes: The size of the blob.
        sha256: The digest of the blob, hexadecimal.
    """

    kind: Literal["MODEL", "PACKAGE", "STATE"]
    id: str
    size_bytes: int
    sha256: str
