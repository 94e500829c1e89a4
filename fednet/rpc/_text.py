"""Text that can be sent."""

from __future__ import annotations


def sendable(text: str) -> str:
    """The text, with a question mark for each character that Protobuf refuses; names of files may hold such."""
    return text.encode(errors="replace").decode()
