"""Creates a package from a folder: the same files give the same bytes."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fednet.digests import sha256_of_file
from fednet.errors import InvalidPackage, Unavailable
from fednet.files import whole_file
from fednet.packages._inspect import inspect_package

if TYPE_CHECKING:
    from collections.abc import Iterator

_SKIPPED_FOLDERS = {"__pycache__", ".git"}


def create_package(folder: Path, target: Path) -> tuple[int, str]:
    """Pack a folder as a tgz file, which appears whole or not at all.

    Names are sorted, and times, owners and modes fixed, so that equal files give equal bytes with the same zlib. The
    package leaves out `__pycache__`, `.git`, `*.pyc` and the target.

    Returns:
        The size in bytes and the SHA-256, hexadecimal, of the target.

    Raises:
        InvalidPackage: The folder has no valid manifest, has something that a package may not have, or exceeds a
            limit.
        Unavailable: A file cannot be read, or the target cannot be written.
    """
    if not folder.is_dir():
        raise InvalidPackage(f"{folder} is not a folder: give the package's folder.", field="path")
    try:
        return _create(folder, target)
    except OSError as error:
        raise Unavailable(f"Cannot create the package {target}: {error}") from error


def _create(folder: Path, target: Path) -> tuple[int, str]:
    paths = sorted(_paths(folder, target))
    with whole_file(target, durable=True) as file:
        _write(file, folder, paths)
        inspect_package(Path(file.name))
        return file.tell(), sha256_of_file(Path(file.name))


def _paths(folder: Path, target: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED_FOLDERS]
        linked = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in files + linked:
            path = Path(place) / name
            if path.suffix != ".pyc" and path.absolute() != target.absolute():
                yield path


def _write(file: BinaryIO, folder: Path, paths: list[Path]) -> None:
    # No file name and no time in the gzip header: they are not part of the content.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in paths:
            _add(archive, path, path.relative_to(folder).as_posix(), folder)
    file.flush()


def _add(archive: tarfile.TarFile, path: Path, name: str, folder: Path) -> None:
    header = tarfile.TarInfo(name)
    if path.is_symlink():
        header.type, header.linkname = tarfile.SYMTYPE, _target(path, name, folder)
        archive.addfile(header)
        return
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
            "the file."
        )
    return str(target)
