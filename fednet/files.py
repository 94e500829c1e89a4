"""Files that appear whole or not at all: each is written under another name, then a rename gives it its own.

A process that dies meanwhile leaves the earlier file as it was, and perhaps a file `.<name>.<random>.tmp`. An `OSError`
reaches the caller, who knows what the file is for.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

PRIVATE: Final = 0o600
"""The mode of a file that only its owner may read."""

SHARED: Final = 0o666
"""The mode of a file that others may read as far as the umask allows."""


PRIVATE_FOLDER: Final = 0o700
"""The mode of a folder that only its owner may enter."""


def private_folder(path: Path) -> None:
    """Create a folder and the missing folders above it, for their owner alone; existing ones keep their mode."""
    for folder in [*reversed(path.parents), path]:
        if not folder.is_dir():
            folder.mkdir(PRIVATE_FOLDER, exist_ok=True)


def warn_of_others(path: Path) -> None:
    """Log a folder that other users may enter; its mode stays, because somebody has chosen it."""
    mode = path.stat().st_mode & 0o777
    if mode & ~PRIVATE_FOLDER:
        _log.warning(
            "other users may enter the folder %s (mode %04o): chmod 700 %s", path, mode, path
        )


def open_private(path: Path, mode: str) -> BinaryIO:
    """Open a file that only its owner may read, also if it was there with another mode.

    Args:
        path: The path of the file.
        mode: A mode of `open` for bytes, such as "ab".
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, PRIVATE)

    file = open(path, mode, opener=opener)  # noqa: SIM115  the caller closes it
    with suppress(PermissionError):  # it belongs to another user, who has set its mode
        os.fchmod(file.fileno(), PRIVATE)
    return cast("BinaryIO", file)


@contextmanager
def whole_file(
    path: Path, *, mode: int = SHARED, durable: bool = False, folder: Path | None = None
) -> Iterator[BinaryIO]:
    """Open a new file that takes the place of `path` if the block ends well, and is deleted otherwise.

    Args:
        path: The path of the file.
        mode: The rights of the file, which the umask restricts.
        durable: Force the content to the disk before the file gets its name, so that no power cut leaves a name
            without its content.
        folder: The folder in which the file is written, in the file system of `path`; by default that of `path`.
    """
    with _scratch_path(path, folder) as scratch:
        with _created(scratch, mode, durable=durable) as file:
            yield file
        put_in_place(scratch, path)


def write_whole(
    path: Path,
    content: bytes,
    *,
    mode: int = SHARED,
    durable: bool = False,
    folder: Path | None = None,
) -> None:
    """Write a file in place of the one at `path`; see `whole_file`."""
    with whole_file(path, mode=mode, durable=durable, folder=folder) as file:
        file.write(content)


def write_once(path: Path, content: bytes, *, mode: int = SHARED) -> bytes:
    """Write a file unless there is one, and force it to the disk; of several processes at once, one wins.

    On a file system without hard links the last one wins.

    Returns:
        The content of the file: this one, or that of an earlier writer.
    """
    with _scratch_path(path) as scratch:
        with _created(scratch, mode, durable=True) as file:
            file.write(content)
        try:
            path.hardlink_to(scratch)
        except FileExistsError:
            return path.read_bytes()
        except OSError:
            put_in_place(scratch, path)
    sync(path.parent)
    return path.read_bytes()


def write_new(path: Path, content: bytes, *, mode: int = SHARED) -> None:
    """Write a file whose name must be free, and force it to the disk; of several processes at once, one writes.

    A process that dies meanwhile may leave the name with an empty file.

    Raises:
        FileExistsError: The name is taken.
    """
    path.touch(mode, exist_ok=False)
    try:
        write_whole(path, content, mode=mode, durable=True)
    except BaseException:
        path.unlink()
        raise
    sync(path.parent)


def put_in_place(finished: Path, path: Path) -> None:
    """Give a finished file its name, in place of the file that has it; both are in one file system."""
    finished.replace(path)


def remove_tree(folder: Path, *, ignore_errors: bool = False) -> None:
    """Delete a folder with everything in it, also what code from afar has closed by its mode; follow no link.

    Args:
        folder: The folder.
        ignore_errors: Leave what cannot be deleted, instead of raising the first error.
    """
    with suppress(OSError):
        open_folders(folder)
    shutil.rmtree(folder, ignore_errors=ignore_errors)


def open_folders(folder: Path) -> None:
    """Allow this user to list, enter and change a folder and each one in it; follow no link."""
    if not folder.is_symlink():
        _open_folder(folder)
    for path, names, _ in os.walk(folder):  # it enters a folder after this block
        for each in (Path(path, name) for name in names):
            if not each.is_symlink():
                with suppress(FileNotFoundError):  # somebody deletes it
                    _open_folder(each)


def _open_folder(folder: Path) -> None:
    mode = folder.stat().st_mode
    if mode & PRIVATE_FOLDER != PRIVATE_FOLDER:
        folder.chmod(stat.S_IMODE(mode) | PRIVATE_FOLDER)


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _scratch_path(path: Path, folder: Path | None = None) -> Iterator[Path]:
    scratch = (folder or path.parent) / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def _created(path: Path, mode: int, *, durable: bool) -> Iterator[BinaryIO]:
    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, mode)

    with open(path, "x+b", opener=opener) as file:
        yield file
        if durable:
            file.flush()
            os.fsync(file.fileno())
