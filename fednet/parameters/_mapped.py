"""Mapped files: those of models, and temporary ones for numbers that cannot be viewed where they lie."""

from __future__ import annotations

import mmap
import tempfile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_ALIGNMENT_BYTES: Final = 64


def map_file(file: BinaryIO, *, writable: bool = False) -> mmap.mmap:
    """Map a whole file, read-only; or so that what is written stays in this process, and the file as it is."""
    access = mmap.ACCESS_COPY if writable else mmap.ACCESS_READ
    return mmap.mmap(file.fileno(), 0, access=access)


def map_written(
    folder: Path, writers: Iterable[Callable[[BinaryIO], Any]]
) -> tuple[mmap.mmap, list[int]]:
    """Write parts into a file without a name, and map it; it lasts as long as its mapping is in use.

    Args:
        folder: The folder of the file, which must have room for all parts.
        writers: Each writes one part at the position of the file.

    Returns:
        The mapped file, and the position of each part, a multiple of 64 bytes.

    Raises:
        OSError: The file cannot be written.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        starts = []
        for write in writers:
            starts.append(file.seek(-(-file.tell() // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES))
            write(file)
        file.write(b"\0")  # an empty file cannot be mapped
        file.flush()
        return map_file(file), starts
