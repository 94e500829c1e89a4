"""Looks into a package without unpacking it."""

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

if TYPE_CHECKING:
    from pathlib import Path


def inspect_package(path: Path) -> Manifest:
    """The manifest of a package, after a look at every member that it holds.

    Args:
        path: A tgz, tar or zip file, recognised by its content.

    Raises:
        InvalidPackage: It is no archive, holds something that is not allowed, is larger than a
            limit, or has no valid manifest or python_env.
        NotFound: There is no such file.
    """
    with archive_errors(path):
        found: tuple[PurePosixPath, bytes] | None = None
        for member in read_members(path):
            if member.kind is not Kind.FILE or not is_manifest(member.path):
                continue
            if found is None or precedence(member.path) < precedence(found[0]):
                found = member.path, _content(member)
    if found is None:
        raise InvalidPackage(
            f"The package has no {' or '.join(FILE_NAMES)}: write one with its entry points."
        )
    manifest = parse_manifest(found[1], found[0])
    _check_python_env(path, manifest)
    return manifest


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
            f"{member.path} has more than {limits.text_characters_max} bytes.",
            field=str(member.path),
        )
    with member.open() as file:
        return file.read()
