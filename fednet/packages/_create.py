"""Creates a package from a folder: the same files give the same bytes."""

from __future__ import annotations

import os
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from fednet.digests import Algorithm, digest_of_file
from fednet.errors import InvalidPackage, Unavailable
from fednet.files import whole_file
from fednet.packages._inspect import inspect_package
from fednet.packages._manifest import FILE_NAMES
from fednet.packages._selection import LeftOut, Selection, select_files
from fednet.packages._tgz import new_tgz

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class PackedFile:
    """A file or link of a package: its path in the package, with `/` between the parts, and its size."""

    path: str
    size_bytes: int


@dataclass(frozen=True)
class CreatedPackage:
    """A package file that was created.

    Attributes:
        size_bytes: The size of the file.
        sha256: Its SHA-256, hexadecimal.
        files: The files in it, sorted by path.
        left_out: The files and folders of its author that are not in it, with reasons, sorted by path.
    """

    size_bytes: int
    sha256: str
    files: tuple[PackedFile, ...]
    left_out: tuple[LeftOut, ...]


def create_package(folder: Path, target: Path, include: Sequence[str] = ()) -> CreatedPackage:
    """Pack a folder as a tgz file, which appears whole or not at all.

    Names are sorted, and times, owners and modes fixed, so that equal files give equal bytes with the same zlib. The
    package leaves out the target, files that match an ignore file (`.fednetignore`), and files that look private:
    hidden files, credentials, environments, caches, version control and data. A line `!pattern` in an ignore file
    keeps a file all the same.

    Args:
        folder: The folder with the manifest.
        target: The path of the package's file.
        include: Patterns with the syntax of gitignore: files that belong to the package in any case.

    Raises:
        InvalidPackage: The folder has no valid manifest, has something that a package may not have, or exceeds a
            limit; or an ignore file is invalid.
        InvalidInput: A pattern to include is invalid.
        Unavailable: A file cannot be read, or the target cannot be written.
    """
    if not folder.is_dir():
        raise InvalidPackage(f"{folder} is not a folder: give the package's folder.", field="path")
    try:
        return _create(folder, target, select_files(folder, target, include))
    except OSError as error:
        raise Unavailable(f"Cannot create the package {target}: {error}") from error


def _create(folder: Path, target: Path, selection: Selection) -> CreatedPackage:
    _check_manifest(selection)
    with whole_file(target, durable=True) as file:
        packed = _write(file, folder, selection.packed)
        inspect_package(Path(file.name))
        digest = digest_of_file(Path(file.name), Algorithm.SHA256)
        return CreatedPackage(
            digest.size_bytes,
            digest.value,
            tuple(packed),
            tuple(selection.left_out),
        )


def _check_manifest(selection: Selection) -> None:
    if any(path.name in FILE_NAMES for path in selection.packed):
        return
    for each in selection.left_out:
        if PurePosixPath(each.path).name in FILE_NAMES:
            raise InvalidPackage(
                f"The manifest {each.path} is left out ({each.reason}): add `!{each.path}` to .fednetignore.",
                field="path",
            )


def _write(file: BinaryIO, folder: Path, paths: list[Path]) -> list[PackedFile]:
    with new_tgz(file) as archive:
        return [_add(archive, path, path.relative_to(folder).as_posix(), folder) for path in paths]


def _add(archive: tarfile.TarFile, path: Path, name: str, folder: Path) -> PackedFile:
    header = tarfile.TarInfo(name)
    if path.is_symlink():
        header.type, header.linkname = tarfile.SYMTYPE, _target(path, name, folder)
        archive.addfile(header)
    elif path.is_file():
        _add_file(archive, path, header)
    else:
        raise InvalidPackage(
            f"{name} is a device or a pipe: a package has only files and links. Remove it, or add "
            f"`{name}` to .fednetignore."
        )
    return PackedFile(name, header.size)


def _add_file(archive: tarfile.TarFile, path: Path, header: tarfile.TarInfo) -> None:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        header.size = status.st_size
        header.mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        archive.addfile(header, file)


def _target(path: Path, name: str, folder: Path) -> str:
    target = path.readlink()
    if target.is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidPackage(
            f"{name} is a link to {str(target)!r}, which is outside the package: replace the link by "
            f"the file, or add `{name}` to .fednetignore."
        )
    return str(target)
