"""Reads the members of a package archive (tgz, tar or zip), with a limit on everything.

A package comes from elsewhere, so no header is trusted:

- a path is relative and has no `..`; a member is a file, a folder or a link, nothing else;
- the number of members and the sum of their sizes have limits, checked while reading;
- each member has a path of its own, and its parents are folders, not files or links;
- no single read is large: tarfile and zipfile read headers whole, whatever length they claim;
- a tar is only read forwards and up to a limit: headers cannot make a loop, and a decompression bomb ends there;
- the members of a zip are stored or deflated, so they can be inflated piece by piece.
"""

from __future__ import annotations

import errno
import gzip
import io
import os
import stat
import sys
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from fednet import limits
from fednet.errors import InvalidPackage, NotFound, Unavailable
from fednet.packages._members import Kind, Member, Places

if TYPE_CHECKING:
    from collections.abc import Iterator

# The errors of the standard library for an archive that is invalid or damaged.
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile, EOFError,
    ValueError, OverflowError, RuntimeError, NotImplementedError,
)  # fmt: skip
# The errors of the file system for paths that exclude each other in one folder.
_IMPOSSIBLE_PATHS = {
    errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP,
}  # fmt: skip
_TAR_BACK_STEP_BYTES = 512  # tarfile steps back by one byte to look for the end of a member


@contextmanager
def archive_errors(path: Path) -> Iterator[None]:
    """Map errors of the archive and of the file system to ours."""
    try:
        yield
    except _BROKEN as error:
        raise InvalidPackage(
            f"Cannot read the package as a tgz, tar or zip file: {error}. Create it again with "
            "`fednet package create`."
        ) from error
    except FileNotFoundError as error:
        raise NotFound(f"The package file {path} does not exist.") from error
    except OSError as error:
        if error.errno in _IMPOSSIBLE_PATHS:
            raise InvalidPackage(
                f"The package has paths that exclude each other in one folder: {error}"
            ) from error
        raise Unavailable(f"Cannot read or unpack {path}: {error}") from error


def read_members(path: Path) -> Iterator[Member]:
    """Yield every member of the archive in its order; call it inside `archive_errors`.

    Raises:
        InvalidPackage: A member is not allowed, or the archive exceeds a limit.
    """
    with path.open("rb") as file:
        _check_size(os.fstat(file.fileno()).st_size)
        unpacked_bytes, places = 0, Places()
        for member in _members(file):
            unpacked_bytes += member.size_bytes
            if unpacked_bytes > limits.package_unpacked_bytes_max:
                raise _too_large()
            places.take(member)
            yield member


def _members(file: IO[bytes]) -> Iterator[Member]:
    magic = file.read(4)
    file.seek(0)
    if magic.startswith(b"PK"):
        return _zip_members(file)
    if magic.startswith(b"\x1f\x8b"):
        return _tar_members(cast("IO[bytes]", gzip.GzipFile(fileobj=file)))
    return _tar_members(file)


def _tar_members(file: IO[bytes]) -> Iterator[Member]:
    with tarfile.open(fileobj=cast("IO[bytes]", _ForwardFile(file)), mode="r:") as archive:
        while header := archive.next():
            # A header may have megabytes of attributes, and tarfile keeps each one.
            archive.members.clear()  # type: ignore[attr-defined]  # in CPython, not in its types
            yield _tar_member(archive, header)


def _tar_member(archive: tarfile.TarFile, header: tarfile.TarInfo) -> Member:
    if header.size < 0 or header.issparse():
        raise InvalidPackage(f"The size of {header.name!r} in the package is not allowed.")
    kind = _tar_kind(header)
    _check_target(header.name, len(header.linkname))
    return Member(
        path=_path(header.name),
        kind=kind,
        size_bytes=header.size if kind is Kind.FILE else 0,
        executable=bool(header.mode & stat.S_IXUSR),
        target=str(_path(header.linkname)) if kind is Kind.HARDLINK else header.linkname,
        open=lambda: cast("IO[bytes]", archive.extractfile(header)),
    )


def _tar_kind(header: tarfile.TarInfo) -> Kind:
    if header.isreg():
        return Kind.FILE
    if header.isdir():
        return Kind.FOLDER
    if header.issym():
        return Kind.SYMLINK
    if header.islnk():
        return Kind.HARDLINK
    raise _not_allowed(header.name)


def _zip_members(file: IO[bytes]) -> Iterator[Member]:
    with zipfile.ZipFile(cast("IO[bytes]", _SmallReads(file))) as archive:
        for header in archive.infolist():
            yield _zip_member(archive, header)


def _zip_member(archive: zipfile.ZipFile, header: zipfile.ZipInfo) -> Member:
    if header.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InvalidPackage(
            f"The compression of {header.filename!r} in the package is not supported: create the "
            "zip file with deflate, or use `fednet package create`."
        )
    name = header.filename.replace("\\", "/")  # the separator of some programs on Windows
    kind = _zip_kind(header, name)
    target = archive.read(header).decode() if kind is Kind.SYMLINK else ""
    return Member(
        path=_path(name),
        kind=kind,
        size_bytes=header.file_size,
        executable=bool(_unix_mode(header) & stat.S_IXUSR),
        target=target,
        open=lambda: archive.open(header),
    )


def _zip_kind(header: zipfile.ZipInfo, name: str) -> Kind:
    file_type = stat.S_IFMT(_unix_mode(header))
    if stat.S_ISLNK(file_type):
        _check_target(header.filename, header.file_size)  # it is the content, which is read whole
        return Kind.SYMLINK
    if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _not_allowed(header.filename)
    return Kind.FOLDER if name.endswith("/") else Kind.FILE


def _check_target(name: str, length: int) -> None:
    if length > limits.package_path_characters_max:
        raise InvalidPackage(
            f"The target of the link {name[:80]!r} in the package has a length of {length}; at most "
            f"{limits.package_path_characters_max} are allowed."
        )


def _unix_mode(header: zipfile.ZipInfo) -> int:
    return header.external_attr >> 16


def _path(name: str) -> PurePosixPath:
    if len(name) > limits.package_path_characters_max:
        raise InvalidPackage(
            f"The package has a path of {len(name)} characters; at most "
            f"{limits.package_path_characters_max} are allowed: {name[:40]!r}…"
        )
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise InvalidPackage(
            f"The package has the path {name!r}: paths must be relative and stay inside the package."
        )
    return path


def _not_allowed(name: str) -> InvalidPackage:
    return InvalidPackage(
        f"{name!r} in the package is a device or a pipe: only files, folders and links are allowed."
    )


def _check_size(size_bytes: int) -> None:
    if size_bytes > limits.package_bytes_max:
        raise InvalidPackage(
            f"The package has {size_bytes} bytes; at most {limits.package_bytes_max} are allowed."
        )


def _too_large() -> InvalidPackage:
    return InvalidPackage(
        f"The unpacked package has more than {limits.package_unpacked_bytes_max} bytes."
    )


class _SmallReads(io.RawIOBase):
    """A file that refuses large reads, into which false headers could lead a library."""

    _read_bytes_max = (
        limits.package_files_max * 512
    )  # large enough for the directory of a zip, which is read whole

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        # zipfile gives no size only for the few bytes at the end of the file.
        content = self._file.read(min(size if size >= 0 else sys.maxsize, self._read_bytes_max + 1))
        if len(content) > self._read_bytes_max:
            raise InvalidPackage("A header in the package is too large.")
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_SET and offset < 0:
            raise InvalidPackage("A header in the package refers to bytes before its beginning.")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


class _ForwardFile(_SmallReads):
    """A file that is read from its begin to a limit, only forwards."""

    def read(self, size: int = -1, /) -> bytes:
        if self.tell() + max(size, 0) > limits.package_unpacked_bytes_max + self._read_bytes_max:
            raise _too_large()
        return super().read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if offset > limits.package_unpacked_bytes_max + self._read_bytes_max:
            raise _too_large()
        if whence != os.SEEK_SET or offset < self.tell() - _TAR_BACK_STEP_BYTES:
            raise InvalidPackage("A header in the package refers to earlier bytes.")
        return super().seek(offset)
