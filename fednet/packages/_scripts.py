"""Finds scripts with the line endings of Windows, on which a shell fails with words that nobody understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fednet import limits
from fednet.errors import InvalidPackage
from fednet.packages._members import Kind

if TYPE_CHECKING:
    from fednet.packages._members import Member

_SHELL = {".sh", ".bash", ".ksh", ".zsh"}
_MAY_BE_RUN = {
    "",
    *_SHELL,
    ".pl",
    ".rb",
    ".r",
}  # by its first line; Python runs a .py file with any line endings


def check_line_endings(member: Member) -> None:
    """Refuse a script that cannot run because of its line endings.

    Raises:
        InvalidPackage: The member is a script of a shell, or begins with `#!`, and has line endings of Windows.
    """
    suffix = member.path.suffix.lower()
    if member.kind is not Kind.FILE or suffix not in _MAY_BE_RUN:
        return
    with member.open() as file:
        begin = file.read(min(member.size_bytes, limits.chunk_bytes))
    first_line = begin.partition(b"\n")[0]
    is_script = suffix in _SHELL or first_line.startswith(b"#!")
    if is_script and (first_line.endswith(b"\r") or (suffix in _SHELL and b"\r\n" in begin)):
        raise InvalidPackage(
            f"The script {member.path} has line endings of Windows, with which it cannot run: save it with line "
            f"endings of Unix, for example by `sed -i 's/\\r$//' {member.path}`.",
            field=str(member.path),
        )
