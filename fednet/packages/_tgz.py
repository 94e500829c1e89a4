"""Writes packages as tgz files: the same members give the same bytes."""

from __future__ import annotations

import gzip
import io
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from fednet.packages._members import Kind, Member

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = {
    Kind.FILE: tarfile.REGTYPE,
    Kind.FOLDER: tarfile.DIRTYPE,
    Kind.SYMLINK: tarfile.SYMTYPE,
    Kind.HARDLINK: tarfile.LNKTYPE,
}


@contextmanager
def new_tgz(file: BinaryIO) -> Iterator[tarfile.TarFile]:
    """Give an archive that is written into a file, without the file's name and without a time."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        yield archive
    file.flush()


def add_member(archive: tarfile.TarFile, member: Member) -> None:
    """Add a member of another archive as it would be unpacked."""
    header = tarfile.TarInfo(str(member.path))
    header.type, header.linkname = _TYPES[member.kind], member.target
    header.mode = 0o755 if member.executable or member.kind is Kind.FOLDER else 0o644
    if member.kind is Kind.FILE:
        header.size = member.size_bytes
        with member.open() as content:
            archive.addfile(header, content)
    else:
        archive.addfile(header)


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file with this content."""
    header = tarfile.TarInfo(name)
    header.size = len(content)
    archive.addfile(header, io.BytesIO(content))
