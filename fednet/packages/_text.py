"""The texts in a package, for people who review it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet.packages._archive import archive_errors, read_members
from fednet.packages._members import Kind

if TYPE_CHECKING:
    from pathlib import Path


def member_texts(path: Path, bytes_max: int, all_bytes_max: int) -> dict[str, str]:
    """Return the content of each file that is text in UTF-8 of at most so many bytes, by its path.

    Args:
        path: The package's file.
        bytes_max: The size of the longest file.
        all_bytes_max: The size of all files; those beyond are left out.

    Raises:
        InvalidPackage: A member is not allowed, or the package exceeds a limit.
        NotFound: The file does not exist.
    """
    texts, left = {}, all_bytes_max
    with archive_errors(path):
        for member in read_members(path):
            if member.kind is Kind.FILE and member.size_bytes <= min(bytes_max, left):
                left -= member.size_bytes
                with member.open() as file:
                    content = file.read()
                if (text := _text(content)) is not None:
                    texts[str(member.path)] = text
    return texts


def _text(content: bytes) -> str | None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
