"""Unpacks a package: nothing outside its folder, and inside it all or nothing.

Links are created last, when every file is written, so no file is written through a link. Then each link is followed
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
    """Unpack a package into a folder that appears whole or not at all.

    Args:
        path: A tgz, tar or zip file, recognised by its content.
        folder: The target; a folder with content is assumed to be this package, and stays.

    Raises:
        InvalidPackage: `inspect_package` refuses the package, or a link leaves it.
        NotFound: The file does not exist.
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
        # Another process has unpacked it meanwhile.
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
    # All folders first, so that none is created through a link.
    for member in members:
        (root / member.path).parent.mkdir(parents=True, exist_ok=True)
    for member in members:
        (root / member.path).symlink_to(member.target)
    for member in members:
        if not _is_inside(root / member.path, root):
            raise leaves(member)


def _is_inside(place: Path, root: Path) -> bool:
    return place.resolve().is_relative_to(root.resolve())
