"""Texts for Protobuf messages."""

from __future__ import annotations


def sendable(text: str) -> str:
    """Return a text with a question mark for each character that Protobuf refuses; names of files may have such."""
    return text.encode(errors="replace").decode()
