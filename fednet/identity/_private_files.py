"""Files that only their owner may read, written so that a reader sees all of one or nothing."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fednet.errors import FailedPrecondition

if TYPE_CHECKING:
    from collections.abc import Iterator


def create_once(path: Path, content: str) -> str:
    """Write the file unless it exists; of several processes at once, one wins.

    Returns:
        What the file holds now: this content, or that of whoever came first.

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    with _readable_errors(path), _written_beside(path, content) as beside:
        try:
            path.hardlink_to(beside)
        except FileExistsError:
            return path.read_text(encoding="utf-8")
        _sync_folder(path.parent)
        return content


def replace(path: Path, content: str) -> None:
    """Write the file (mode 0600), in place of what was there.

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    with _readable_errors(path), _written_beside(path, content) as beside:
        beside.replace(path)
        _sync_folder(path.parent)


@contextmanager
def _written_beside(path: Path, content: str) -> Iterator[Path]:
    """A finished file of mode 0600 in the same folder; what is left of it is removed at the end."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, no path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _readable_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FailedPrecondition(
            f"{path} cannot be written: {error.strerror}. Choose another data folder, or give "
            "this user the right to write there.",
            field="data_dir",
        ) from error
