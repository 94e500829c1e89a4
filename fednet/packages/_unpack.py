"""Unpacks a package, so that nothing of it lands outside its folder, and never half of it inside.

Links are made last, when every file is written: none can lead a file astray. Then each is followed
once, and must end inside.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fednet import limits
from fednet.packages._archive import archive_errors, read_members
from fednet.packages._inspect import inspect_package
from fednet.packages._members import Kind, Member, leaves

if TYPE_CHECKING:
    from fednet.packages._manifest import Manifest


def unpack_package(path: Path, folder: Path) -> Manifest:
    """Unpacks a package into a folder that appears whole or not at all.

    Args:
        path: A tgz, tar or zip file, recognised by its content.
        folder: Where to; when it already has content, it is taken for this package and stays.

    Raises:
        InvalidPackage: What `inspect_package` refuses, or a link that leaves the package.
        NotFound: There is no such file.
        Unavailable: The folder cannot be written.
    """
    manifest = inspect_package(path)
    with archive_errors(path):
        if not _has_content(folder):
            _unpack(path, folder)
    return manifest


def _has_content(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _unpack(path: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write_members(path, temporary)
        temporary.chmod(0o755)
        _publish(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _publish(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError:
        # Somebody else unpacked it meanwhile.
        if not _has_content(folder):
            raise


def _write_members(path: Path, root: Path) -> None:
    symlinks: list[Member] = []
    for member in read_members(path):
        if member.kind is Kind.SYMLINK:
            symlinks.append(member)
        else:
            _write_member(member, root)
    _write_symlinks(symlinks, root)


def _write_member(member: Member, root: Path) -> None:
    place = root / member.path
    if member.kind is Kind.FOLDER:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if member.kind is Kind.HARDLINK:
        place.hardlink_to(root / member.target)
    else:
        _write_file(member, place)


def _write_file(member: Member, place: Path) -> None:
    with member.open() as source, place.open("xb") as file:
        shutil.copyfileobj(source, file, limits.chunk_bytes)
        file.flush()
        os.fsync(file.fileno())
    place.chmod(0o755 if member.executable else 0o644)


def _write_symlinks(members: list[Member], root: Path) -> None:
    # All folders first: none may then be made through a link.
    for member in members:
        (root / member.path).parent.mkdir(parents=True, exist_ok=True)
    for member in members:
        (root / member.path).symlink_to(member.target)
    for member in members:
        if not _is_inside(root / member.path, root):
            raise leaves(member)


def _is_inside(place: Path, root: Path) -> bool:
    return place.resolve().is_relative_to(root.resolve())
