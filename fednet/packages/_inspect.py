"""Inspects a package without unpacking it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fednet import limits
from fednet.errors import InvalidPackage
from fednet.packages._archive import archive_errors, read_members
from fednet.packages._manifest import (
    FILE_NAMES,
    Manifest,
    is_manifest,
    parse_manifest,
    precedence,
)
from fednet.packages._members import Kind, Member
from fednet.packages._python_env import (
    missing_python_env,
    parse_python_env,
    python_env_path,
)
from fednet.packages._scripts import check_line_endings

if TYPE_CHECKING:
    from pathlib import Path


def inspect_package(path: Path) -> Manifest:
    """Check every member of a package, and return its manifest.

    Args:
        path: A tgz, tar or zip file, recognised by its content.

    Raises:
        InvalidPackage: The file is not an archive, has a member that is not allowed, exceeds a limit, or has no valid
            manifest or python_env.
        NotFound: The file does not exist.
    """
    found: tuple[PurePosixPath, bytes] | None = None
    has_backslashes = False
    with archive_errors(path):
        for member in read_members(path):
            check_line_endings(member)
            has_backslashes |= "\\" in str(member.path)
            if member.kind is not Kind.FILE or not is_manifest(member.path):
                continue
            if found is None or precedence(member.path) < precedence(found[0]):
                found = member.path, _content(member)
    if found is None:
        raise _without_manifest(has_backslashes=has_backslashes)
    manifest = parse_manifest(found[1], found[0])
    _check_python_env(path, manifest)
    return manifest


def _without_manifest(*, has_backslashes: bool) -> InvalidPackage:
    names = " or ".join(name for name in FILE_NAMES if name.endswith(".yaml"))
    why = " Its paths have backslashes, as some programs on Windows write them." * has_backslashes
    return InvalidPackage(
        f"The package has no {names}.{why} Add one with the entry points, and create the "
        "package with `fednet package create`."
    )


def _check_python_env(path: Path, manifest: Manifest) -> None:
    wanted = python_env_path(manifest)
    if wanted is not None:
        parse_python_env(_content_at(path, wanted), wanted)


def _content_at(path: Path, wanted: PurePosixPath) -> bytes:
    with archive_errors(path):
        for member in read_members(path):
            if member.kind is Kind.FILE and member.path == wanted:
                return _content(member)
    raise missing_python_env(wanted)


def _content(member: Member) -> bytes:
    if member.size_bytes > limits.text_characters_max:
        raise InvalidPackage(
            f"{member.path} has more than {limits.text_characters_max} bytes: shorten it.",
            field=str(member.path),
        )
    with member.open() as file:
        return file.read()
