"""Texts in files that only their owner may read; a reader sees all of one or nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fednet.errors import FailedPrecondition
from fednet.files import PRIVATE, private_folder, write_once, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def create_once(path: Path, content: str) -> str:
    """Write the file unless it exists; of several processes at once, one wins.

    Returns:
        The content of the file: this one, or that of an earlier writer.

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    with _writing(path):
        return write_once(path, content.encode(), mode=PRIVATE).decode()


def replace(path: Path, content: str) -> None:
    """Write the file (mode 0600), in place of what was there.

    Raises:
        FailedPrecondition: The folder cannot be written.
    """
    with _writing(path):
        write_whole(path, content.encode(), mode=PRIVATE, durable=True)


def read_if_there(path: Path) -> str | None:
    """Return the file's text; None if there is no such file.

    Raises:
        FailedPrecondition: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise FailedPrecondition(f"{path} cannot be read: {error}.", field="data_dir") from error


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make the folder of a file, and name the refusals of the system."""
    try:
        private_folder(path.parent)
        yield
    except OSError as error:
        raise FailedPrecondition(
            f"{path} cannot be written: {error.strerror}. Choose another data folder, or give "
            "this user the right to write there.",
            field="data_dir",
        ) from error
