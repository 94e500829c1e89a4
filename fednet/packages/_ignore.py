"""The ignore files of a package's folder, with the syntax of gitignore.

`.fednignore` and `.fednetignore` may stand in every folder. Of several patterns the last one counts, that of an inner
folder after that of an outer one. `!pattern` keeps a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from fednet import limits
from fednet.errors import InvalidInput, InvalidPackage

if TYPE_CHECKING:
    from collections.abc import Sequence

IGNORE_FILES = (".fednignore", ".fednetignore")  # the later one has precedence


class Wish(Enum):
    """The verdict of patterns about a path."""

    LEAVE_OUT = "leave out"
    KEEP = "keep"
    KEEP_WITH_FOLDER = "keep, as a pattern for its folder says"


@dataclass(frozen=True)
class Patterns:
    """The patterns of one source.

    Attributes:
        source: The name of the source, for people.
        folder: The folder below which they hold, relative to the package's folder.
        spec: The patterns.
        keeps: True if a match keeps a file: the patterns of `--include`.
    """

    source: str
    folder: PurePosixPath
    spec: GitIgnoreSpec
    keeps: bool = False

    @property
    def may_keep(self) -> bool:
        """True if one of the patterns keeps files."""
        return any(each.include is self.keeps for each in self.spec.patterns)

    def wish(self, path: PurePosixPath, *, is_folder: bool) -> Wish | None:
        """Return the verdict about a path of the package; None if no pattern matches it."""
        inner = path.relative_to(self.folder)
        found = self.spec.check_file(f"{inner}/" if is_folder else str(inner))
        if found.include is None:
            return None
        if not self.keeps and found.include:
            return Wish.LEAVE_OUT
        parent = self.spec.check_file(f"{inner.parent}/") if inner.parent.name else None
        return Wish.KEEP_WITH_FOLDER if parent and parent.index == found.index else Wish.KEEP


def read_ignore_files(folder: Path, root: Path) -> list[Patterns]:
    """Return the patterns of a folder's ignore files, in the order of their precedence.

    Raises:
        InvalidPackage: A file is not UTF-8, too long, or has an invalid pattern.
    """
    return [
        Patterns(
            path.relative_to(root).as_posix(),
            PurePosixPath(folder.relative_to(root).as_posix()),
            _spec(path),
        )
        for path in (folder / name for name in IGNORE_FILES)
        if path.is_file()
    ]


def included(patterns: Sequence[str]) -> Patterns:
    """Return the patterns of the files that a person wants in any case.

    Raises:
        InvalidInput: A pattern is invalid.
    """
    try:
        return Patterns(
            "--include", PurePosixPath(), GitIgnoreSpec.from_lines(patterns), keeps=True
        )
    except ValueError as error:
        raise InvalidInput(
            f"Invalid pattern in {list(patterns)}: use the syntax of gitignore. {error}",
            field="include",
        ) from error


def _spec(path: Path) -> GitIgnoreSpec:
    with path.open("rb") as file:
        content = file.read(limits.text_characters_max + 1)
    if len(content) > limits.text_characters_max:
        raise InvalidPackage(
            f"{path} has more than {limits.text_characters_max} bytes: shorten it.", field=path.name
        )
    try:
        return GitIgnoreSpec.from_lines(content.decode("utf-8-sig").splitlines())
    except ValueError as error:
        raise InvalidPackage(
            f"{path} must be text in UTF-8 with the syntax of gitignore: {error}", field=path.name
        ) from error
