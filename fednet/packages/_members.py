"""The members of a package; their paths alone show that all fit into one folder."""

from __future__ import annotations

import posixpath
import unicodedata
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from fednet import limits
from fednet.errors import InvalidPackage

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(Enum):
    """The kinds of members."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"


@dataclass(frozen=True)
class Member:
    """One file, folder or link of an archive; its content can be read until the next member is requested.

    Attributes:
        path: The path, relative and without `..`.
        size_bytes: The size of a file's content.
        executable: True for a file that its owner may run.
        target: The target of a link, "" for others; that of a hard link is a path such as `path`.
        open: Opens a file's content.
    """

    path: PurePosixPath
    kind: Kind
    size_bytes: int
    executable: bool
    target: str
    open: Callable[[], IO[bytes]]


class Places:
    """The paths of a package's members in one folder, taken one after the other."""

    def __init__(self) -> None:
        self._kinds = {PurePosixPath("."): Kind.FOLDER}
        self._spelled: dict[str, PurePosixPath] = {}
        self._members = 0

    def take(self, member: Member) -> None:
        """Check a member against the earlier ones, and take its path.

        Raises:
            InvalidPackage: The path is taken, or differs from another one only in case; the member is a link to nothing
                or to the outside; there are too many members.
        """
        self._members += 1
        if member.path in self._kinds and not self._is_known_folder(member):
            raise _taken(member)
        self._enter(member)
        if member.kind is Kind.SYMLINK and (_is_outside(member) or not _is_text(member.target)):
            raise leaves(member)
        if member.kind is Kind.HARDLINK and not self._holds_file(PurePosixPath(member.target)):
            raise leaves(member)
        self._put(member.path, member.kind)
        if max(self._members, len(self._kinds) - 1) > limits.package_files_max:
            raise InvalidPackage(
                f"The package has more than {limits.package_files_max} files and folders: remove some."
            )

    def _enter(self, member: Member) -> None:
        """Take the paths of the folders above a member, up to a known one."""
        for folder in member.path.parents:
            if self._kinds.get(folder) is Kind.FOLDER:
                return
            if folder in self._kinds:
                raise _taken(member)
            self._put(folder, Kind.FOLDER)

    def _put(self, path: PurePosixPath, kind: Kind) -> None:
        """Take a path, unless a file system that ignores case would find another member there."""
        other = self._spelled.setdefault(_without_case(path), path)
        if other != path:
            raise InvalidPackage(
                f"The package has {str(path)!r} and {str(other)!r}, which some file systems take for the same path: "
                "rename one of them."
            )
        self._kinds[path] = kind

    def _is_known_folder(self, member: Member) -> bool:
        return self._kinds[member.path] is member.kind is Kind.FOLDER

    def _holds_file(self, path: PurePosixPath) -> bool:
        return self._kinds.get(path) in {Kind.FILE, Kind.HARDLINK}


def leaves(member: Member) -> InvalidPackage:
    """Return the error for a link to nothing or to the outside."""
    return InvalidPackage(
        f"The link {str(member.path)!r} in the package leads to {member.target!r}: links must be "
        "relative, and their target inside the package."
    )


def _is_outside(member: Member) -> bool:
    """Return True if the text of a symbolic link leads outside; other links on its way are not followed."""
    end = posixpath.normpath(posixpath.join(member.path.parent, member.target))
    return end == ".." or end.startswith(("/", "../"))


def _is_text(target: str) -> bool:
    """Return True if a link can have this target at all."""
    return target != "" and "\0" not in target


def _without_case(path: PurePosixPath) -> str:
    """Return a path as file systems compare it that ignore case and the composition of letters."""
    composed = unicodedata.normalize("NFC", str(path))
    return unicodedata.normalize("NFC", composed.casefold())


def _taken(member: Member) -> InvalidPackage:
    return InvalidPackage(
        f"The package has {str(member.path)!r} where another member is: each path may occur once, "
        "and a file has no members below it. Create the package again with `fednet package create`."
    )
