"""The digest of a model or package in its document: size_bytes, digest (its text) and sha256 (null for another one)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fednet.digests import Digest


def digest_fields(digest: Digest) -> dict[str, Any]:
    """Return the fields of a document with this digest."""
    return {
        "size_bytes": digest.size_bytes,
        "digest": digest.text,
        "sha256": digest.sha256,
    }


def digest_in(document: Mapping[str, Any]) -> Digest:
    """Return the digest in a document; until schema 3, documents had only a SHA-256."""
    return Digest.read(document.get("digest") or document["sha256"], document["size_bytes"])
