"""The files of a folder that belong to its package, and the others with the reason.

Three kinds of rules, of which the last one that matches decides: those for private files (`_private.py`), the ignore
files from the outer to the inner folders (`_ignore.py`), and the patterns of a person. A pattern that keeps a folder
keeps the data in it, but no secrets: a pattern must match these themselves. Only a person's pattern keeps an
environment or a cache, and none keeps version control.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fednet.packages._ignore import IGNORE_FILES, Patterns, Wish, included, read_ignore_files
from fednet.packages._private import MADE_ANEW, NEVER_PACKED, Privacy, PrivateFiles

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class LeftOut:
    """A file or folder that a package does not have.

    Attributes:
        path: The path relative to the package's folder; a folder's ends with `/`.
        reason: The reason, for people.
    """

    path: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """The files of a package's folder.

    Attributes:
        packed: The paths of the package's files and links, sorted.
        left_out: The other files, sorted; a folder counts once if none of its files is packed.
    """

    packed: list[Path] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def select_files(folder: Path, target: Path, include: Sequence[str]) -> Selection:
    """Return the files that belong to the package of a folder.

    Args:
        folder: The folder.
        target: The package's own file, which is not part of it.
        include: Patterns of gitignore for files that belong to it in any case.

    Raises:
        InvalidPackage: An ignore file is invalid.
        InvalidInput: A pattern is invalid.
        OSError: A folder cannot be read.
    """
    walk = _Walk(folder, target, included(include))
    walk.enter(folder, [], Privacy())
    walk.chosen.packed.sort()
    walk.chosen.left_out.sort(key=lambda each: each.path)
    return walk.chosen


class _Walk:
    """A walk through a folder, which collects the selection."""

    def __init__(self, root: Path, target: Path, wanted: Patterns) -> None:
        self.chosen = Selection()
        self._root = root
        self._target = _place(target)
        self._wanted = wanted
        self._private = PrivateFiles()

    def enter(self, folder: Path, outer: list[Patterns], above: Privacy) -> None:
        """Sort the entries of a folder.

        Args:
            folder: The folder.
            outer: The patterns of the folders above it.
            above: The reasons that hold for the folder, and so for everything in it.
        """
        patterns = [*outer, *read_ignore_files(folder, self._root)]
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda each: each.name)
        for entry in found:
            take = self._take_folder if entry.is_dir(follow_symlinks=False) else self._take_file
            take(Path(entry.path), patterns, above)

    def _take_folder(self, folder: Path, patterns: list[Patterns], above: Privacy) -> None:
        path = self._inner(folder)
        privacy = above | self._private.of_folder(folder)
        reason, privacy = self._judge(path, patterns, privacy, is_folder=True)
        if reason and not self._may_keep(patterns, privacy):
            self._leave_out(f"{path}/", reason)
        else:
            self._enter(folder, patterns, privacy)

    def _enter(self, folder: Path, patterns: list[Patterns], privacy: Privacy) -> None:
        """Enter a folder; if none of its files is packed, it counts as a whole."""
        packed, left_out = self.chosen.packed, self.chosen.left_out
        counts = len(packed), len(left_out)
        self.enter(folder, patterns, privacy)
        if len(packed) == counts[0] and len(left_out) > counts[1]:
            reason = left_out[counts[1]].reason
            del left_out[counts[1] :]
            self._leave_out(f"{self._inner(folder)}/", reason)

    def _take_file(self, file: Path, patterns: list[Patterns], above: Privacy) -> None:
        path = self._inner(file)
        if path.name in IGNORE_FILES or _place(file) == self._target:
            return
        privacy = above | self._private.of_file(path, file.lstat().st_size)
        reason, _ = self._judge(path, patterns, privacy, is_folder=False)
        if reason:
            self._leave_out(str(path), reason)
        else:
            self.chosen.packed.append(file)

    def _leave_out(self, path: str, reason: str) -> None:
        self.chosen.left_out.append(LeftOut(path, reason))

    def _judge(
        self, path: PurePosixPath, patterns: list[Patterns], privacy: Privacy, *, is_folder: bool
    ) -> tuple[str, Privacy]:
        """Return the reason to leave out a path, or "", and the reasons that still hold for what is in it."""
        for each in (self._wanted, *reversed(patterns)):
            match each.wish(path, is_folder=is_folder):
                case Wish.KEEP if privacy.secret not in self._fixed(each):
                    return "", Privacy()
                case Wish.KEEP | Wish.KEEP_WITH_FOLDER:
                    return privacy.secret, Privacy(privacy.secret)
                case Wish.LEAVE_OUT:
                    return each.source, privacy
        return privacy.secret or privacy.data, privacy

    def _fixed(self, patterns: Patterns) -> set[str]:
        """Return the reasons that these patterns cannot overrule."""
        return {NEVER_PACKED} if patterns is self._wanted else {NEVER_PACKED, *MADE_ANEW}

    def _may_keep(self, patterns: list[Patterns], privacy: Privacy) -> bool:
        """Return True if a file in a folder that is left out may be packed all the same."""
        if privacy.secret == NEVER_PACKED:
            return False
        if privacy.secret in MADE_ANEW:
            return self._wanted.may_keep
        return any(each.may_keep for each in (self._wanted, *patterns))

    def _inner(self, path: Path) -> PurePosixPath:
        return PurePosixPath(path.relative_to(self._root).as_posix())


def _place(path: Path) -> Path:
    """Return the path of a file without links and `..` on the way to it; the file itself may be a link."""
    return path.parent.resolve() / path.name
