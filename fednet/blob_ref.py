"""A reference to a blob of the network, as every part of fednet holds it in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from fednet.digests import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class BlobRef:
    """A blob by its kind and id, with its digest.

    Attributes:
        kind: The kind by the name that it has on the wire.
        id: A UUID of ours.
        digest: The size and the digest of the blob.
    """

    kind: Literal["MODEL", "PACKAGE", "STATE"]
    id: str
    digest: Digest

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Return the reference that `to_fields` described.

        Raises:
            KeyError, InvalidInput: The fields do not describe a blob.
        """
        digest = Digest.read(fields["digest"], fields["size_bytes"])
        return cls(fields["kind"], fields["id"], digest)

    def to_fields(self) -> dict[str, Any]:
        """Return JSON values: kind, id, size_bytes and digest."""
        digest = self.digest
        return {
            "kind": self.kind,
            "id": self.id,
            "size_bytes": digest.size_bytes,
            "digest": digest.text,
        }
