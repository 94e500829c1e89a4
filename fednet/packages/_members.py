"""What a package holds, and where: that all of it can stand in one folder is known from the paths alone."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING

from fednet import limits
from fednet.errors import InvalidPackage

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(Enum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symbolic link"
    HARDLINK = "hard link"


@dataclass(frozen=True)
class Member:
    """One file, folder or link of an archive; its content can be read until the next is asked for.

    Attributes:
        path: Relative, without `..`.
        size_bytes: The size of a file's content.
        executable: Whether a file's owner may run it.
        target: What a link names, "" for others; of a hard link a path such as `path`.
        open: Opens a file's content.
    """

    path: PurePosixPath
    kind: Kind
    size_bytes: int
    executable: bool
    target: str
    open: Callable[[], IO[bytes]]


class Places:
    """The places in one folder that the members of a package take, one after the other."""

    def __init__(self) -> None:
        self._kinds = {PurePosixPath("."): Kind.FOLDER}
        self._members = 0

    def take(self, member: Member) -> None:
        """Hold a member against those before it.

        Raises:
            InvalidPackage: Its place is taken, it is a link that leads nowhere or outside, or there
                are too many.
        """
        self._members += 1
        if member.path in self._kinds and not self._is_known_folder(member):
            raise _taken(member)
        self._enter(member)
        if member.kind is Kind.SYMLINK and _is_outside(member):
            raise leaves(member)
        if member.kind is Kind.HARDLINK and not self._holds_file(PurePosixPath(member.target)):
            raise leaves(member)
        self._kinds[member.path] = member.kind
        if max(self._members, len(self._kinds) - 1) > limits.package_files_max:
            raise InvalidPackage(
                f"The package holds more than {limits.package_files_max} files and folders."
            )

    def _enter(self, member: Member) -> None:
        """Take the folders above a member; those above a folder that is known are known."""
        for folder in member.path.parents:
            if self._kinds.get(folder) is Kind.FOLDER:
                return
            if folder in self._kinds:
                raise _taken(member)
            self._kinds[folder] = Kind.FOLDER

    def _is_known_folder(self, member: Member) -> bool:
        return self._kinds[member.path] is member.kind is Kind.FOLDER

    def _holds_file(self, path: PurePosixPath) -> bool:
        return self._kinds.get(path) in {Kind.FILE, Kind.HARDLINK}


def leaves(member: Member) -> InvalidPackage:
    """What is said of a link that leads nowhere or outside."""
    return InvalidPackage(
        f"The package's link {str(member.path)!r} leads to {member.target!r}: links must be "
        "relative and name something inside the package."
    )


def _is_outside(member: Member) -> bool:
    """Whether a symbolic link leads outside, as far as its words say; it may do so by way of others."""
    end = posixpath.normpath(posixpath.join(member.path.parent, member.target))
    return end == ".." or end.startswith(("/", "../"))


def _taken(member: Member) -> InvalidPackage:
    return InvalidPackage(
        f"The package holds {str(member.path)!r} in a place that something else has taken: each "
        "file must be there once, and nothing below it. Make it anew with `fednet package create`."
    )
