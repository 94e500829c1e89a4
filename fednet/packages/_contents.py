"""The contents of a package: its members with the digests of their files, in one canonical order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fednet import limits
from fednet.digests import Algorithm, RunningDigest, sha256_of
from fednet.errors import InvalidPackage
from fednet.packages._archive import archive_errors, read_members
from fednet.packages._members import Kind, Member

if TYPE_CHECKING:
    from pathlib import Path, PurePosixPath

SIGNATURES = ".fednet-signatures"
"""The path of the member that holds a package's signatures."""

_HEADER = "fednet package contents 1\n"


@dataclass(frozen=True)
class PackageMember:
    """A file, folder or link of a package, as it is unpacked.

    Attributes:
        path: The path, relative, with `/` between its parts.
        kind: "file", "folder", "symbolic link" or "hard link".
        executable: True for a file that its owner may run.
        size_bytes: The size of a file's content; 0 for others.
        sha256: The SHA-256 of a file's content, hexadecimal; "" for others.
        target: The target of a link; "" for others.
    """

    path: PurePosixPath
    kind: Kind
    executable: bool = False
    size_bytes: int = 0
    sha256: str = ""
    target: str = ""

    @property
    def line(self) -> str:
        """The member in one line of the canonical list."""
        mode = "755" if self.kind is Kind.FOLDER or self.executable else "644"
        fields = [self.kind.value, mode, self.size_bytes, self.sha256, str(self.path), self.target]
        return json.dumps(fields, separators=(",", ":")) + "\n"


@dataclass(frozen=True)
class PackageContents:
    """The members of a package, sorted by path, and the bytes of its signatures."""

    members: tuple[PackageMember, ...]
    signatures: bytes = b""

    @property
    def canonical_list(self) -> bytes:
        """The list of all members but the signatures; two packages have the same one only if they unpack alike."""
        lines = (each.line for each in self.members if str(each.path) != SIGNATURES)
        return "".join([_HEADER, *lines]).encode()

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the canonical list: the same however the package is packed, and whoever has signed it."""
        return sha256_of(self.canonical_list)


def read_contents(path: Path) -> PackageContents:
    """Read every member of a package once.

    Args:
        path: A tgz, tar or zip file, recognised by its content.

    Raises:
        InvalidPackage: A member is not allowed, or the package exceeds a limit.
        NotFound: The file does not exist.
    """
    members, signatures = [], b""
    with archive_errors(path):
        for member in read_members(path):
            if str(member.path) == SIGNATURES:
                signatures = _signatures(member)  # a member can be read only once
                members.append(_listed(member, sha256_of(signatures)))
            else:
                members.append(_listed(member, _sha256(member)))
    return PackageContents(tuple(sorted(members, key=lambda each: str(each.path))), signatures)


def _signatures(member: Member) -> bytes:
    if member.kind is not Kind.FILE or member.size_bytes > limits.text_characters_max:
        raise InvalidPackage(
            f"{SIGNATURES} in the package is no short file: sign the package again with "
            "`fednet package sign`.",
            field=SIGNATURES,
        )
    with member.open() as file:
        return file.read()


def _listed(member: Member, sha256: str) -> PackageMember:
    is_file = member.kind is Kind.FILE
    executable = is_file and member.executable
    # In a zip, the target of a link is its content, and has a size.
    size_bytes = member.size_bytes if is_file else 0
    return PackageMember(member.path, member.kind, executable, size_bytes, sha256, member.target)


def _sha256(member: Member) -> str:
    """Return the digest of a file's content; "" for a folder or a link."""
    if member.kind is not Kind.FILE:
        return ""
    running = RunningDigest(Algorithm.SHA256)
    with member.open() as file:
        while piece := file.read(limits.chunk_bytes):
            running.add(piece)
    return running.digest.value
