"""The comparison of an unpacked package with its archive: a changed file is never run."""

from __future__ import annotations

import importlib.machinery
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fednet.digests import Algorithm, Digest
from fednet.files import open_folders
from fednet.packages._members import Kind

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from fednet.packages._contents import PackageContents, PackageMember

# Python runs such files by their names alone, in place of reviewed ones: modules, bytecode, paths.
_CODE = (*importlib.machinery.all_suffixes(), ".so", ".pth")
_SETTLED_NS = 1_000_000_000  # longer than the steps of a file system's times


class _Stamp(NamedTuple):
    """The facts of a file that change with its content, or with its rights."""

    changed_ns: int
    modified_ns: int
    size_bytes: int
    mode: int
    inode: int


@dataclass
class UnpackedPackage:
    """The folder of an unpacked package.

    The first comparison reads every file. Later ones read a file only if its size, times, mode or inode have changed:
    nobody changes a file without a new time of change, unless he sets the system's clock. A file that was changed a
    moment ago is read again, because the next change may bear the same time.

    Attributes:
        folder: The folder.
        contents: The members of the archive that was unpacked there.
    """

    folder: Path
    contents: PackageContents
    _stamps: dict[PurePosixPath, _Stamp] = field(default_factory=dict)
    _by_path: dict[str, PackageMember] = field(init=False)
    _prepared_code: dict[Path, _Stamp] | None = None

    def __post_init__(self) -> None:
        self._by_path = {str(each.path): each for each in self.contents.members}

    def is_as_unpacked(self) -> bool:
        """Return True if the folder has all members, unchanged, and nothing else."""
        return self.has_all_members() and self._paths() == self._expected_paths()

    def has_all_members(self) -> bool:
        """Return True if the folder has all members, unchanged; the package's code may have added files."""
        are_in_place = all(map(_is_folder, self._parents()))
        return are_in_place and all(map(self._is_unchanged, self.contents.members))

    def drop_code_of_tasks(self) -> None:
        """Delete the code that tasks have added, so that the next one does not run it unreviewed; data stays.

        The first call is that before the first task: it notes what the preparation has added, which stays.

        Raises:
            OSError: A file cannot be read or deleted.
        """
        open_folders(self.folder)  # code in a folder that cannot be listed would not be found
        code = self._added_code()
        if self._prepared_code is None:
            self._prepared_code = code
        for path in code:
            if self._prepared_code.get(path) != code[path]:
                path.unlink()

    def _added_code(self) -> dict[Path, _Stamp]:
        return {
            path: _stamp(path) for path in self._paths() - self._expected_paths() if _is_code(path)
        }

    def _is_unchanged(self, member: PackageMember) -> bool:
        place = self.folder / member.path
        try:
            stamp = _stamp(place)
            if member.kind is not Kind.FOLDER and self._stamps.get(member.path) == stamp:
                return True
            is_same = self._is_same(member, place)
        except OSError:
            return False
        if is_same and time.time_ns() - stamp.changed_ns > _SETTLED_NS:
            self._stamps[member.path] = stamp
        return is_same

    def _is_same(self, member: PackageMember, place: Path) -> bool:
        mode = place.lstat().st_mode
        if member.kind is Kind.SYMLINK:
            return stat.S_ISLNK(mode) and place.readlink() == Path(member.target)
        if member.kind is Kind.FOLDER:
            return stat.S_ISDIR(mode)
        original = self._original(member)
        digest = Digest(Algorithm.SHA256, original.sha256, original.size_bytes)
        is_file = stat.S_ISREG(mode) and bool(mode & stat.S_IXUSR) == original.executable
        return is_file and digest.is_of_file(place)

    def _original(self, member: PackageMember) -> PackageMember:
        """Return the file that a hard link leads to, over other links; a file itself."""
        while member.kind is Kind.HARDLINK:
            member = self._by_path[member.target]
        return member

    def _paths(self) -> set[Path]:
        return {
            Path(folder, name)
            for folder, folders, files in os.walk(self.folder)
            for name in [*folders, *files]
        }

    def _expected_paths(self) -> set[Path]:
        paths = {self.folder / each.path for each in self.contents.members}
        return paths | self._parents()

    def _parents(self) -> set[Path]:
        """Return the folders above the members, which need not be members: a link in place of one leads elsewhere."""
        above = {parent for each in self.contents.members for parent in each.path.parents}
        return {self.folder / each for each in above} - {self.folder}


def _is_folder(place: Path) -> bool:
    """Return True for a folder, but not for a link to one."""
    try:
        return stat.S_ISDIR(place.lstat().st_mode)
    except OSError:
        return False


def _is_code(path: Path) -> bool:
    """Return True if Python could import a file, or what is behind a link."""
    has_name = path.name.endswith(_CODE)
    return (path.is_symlink() and (has_name or path.is_dir())) or (path.is_file() and has_name)


def _stamp(place: Path) -> _Stamp:
    found = place.lstat()
    return _Stamp(found.st_ctime_ns, found.st_mtime_ns, found.st_size, found.st_mode, found.st_ino)
