"""Reads an encoded update, block by block; nothing in the file is trusted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from fednet.codecs._blocks import Flat, spans
from fednet.codecs._header import MAGIC, read_header
from fednet.codecs._zstd import LENGTH, unpacked
from fednet.errors import InvalidModel
from fednet.parameters import (
    BlockArray,
    ModelFile,
    Structure,
    check_bytes,
    check_structure,
    file_errors,
    map_file,
    map_written,
)
from fednet.update_codec import PLAIN

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from fednet.codecs._header import Base, Entry, Header

_Array = np.ndarray[Any, Any]


def is_encoded(path: Path) -> bool:
    """Return True if a file begins as an encoded update does, which no model file does.

    Raises:
        NotFound: The file does not exist.
        Unavailable: The file cannot be read.
    """
    with file_errors(path), path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_encoded(path: Path, base: Base, *, expected_bytes: int | None = None) -> EncodedUpdate:
    """Open an encoded update and check its form; the numbers themselves are not read.

    Args:
        path: The file; nobody may change it while it is open.
        base: The global model of its task.
        expected_bytes: See `fednet.parameters.open_model`.

    Raises:
        InvalidModel: The file is not what `fednet.codecs` defines, or was encoded against another base.
        NotFound: The file does not exist.
        Unavailable: The file cannot be read.
    """
    with file_errors(path), path.open("rb") as file:
        size_bytes = path.stat().st_size
        start, header = read_header(file, size_bytes, len(base.structure.arrays))
        check_bytes(header.structure, expected_bytes)
        if header.base:
            _check_base(header, base)
        return EncodedUpdate(header, map_file(file), start, base)


class EncodedUpdate:
    """An encoded update in a mapped file, as a context manager.

    Its blocks are decoded each time they are read; see `decoded` for readers that need all arrays at once.

    Args:
        header: Its header.
        mapping: The file.
        start: The position of the first block.
        base: The model against which it is encoded, if it is encoded against one.

    Attributes:
        structure: The name, shape and dtype of each array.

    Raises:
        InvalidModel: The blocks do not fill the file.
    """

    def __init__(self, header: Header, mapping: mmap.mmap, start: int, base: Base) -> None:
        self.structure: Structure = header.structure
        self._header = header
        self._data = memoryview(mapping)
        self._base = base
        self._starts = self._checked_starts(start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop the mapping; it ends with the last block in use."""
        self._data = memoryview(b"")

    @property
    def is_compressed(self) -> bool:
        """True if it costs much to decode a block more than once."""
        return self._header.zstd

    @property
    def arrays(self) -> list[Any]:
        """The arrays for readers that keep to `fednet.parameters.blocks`; see `BlockArray`. Valid until `close`."""
        return [EncodedArray(self, place) for place in range(len(self.structure.arrays))]

    def blocks(self, position: int) -> Iterator[_Array]:
        """Decode an array block by block.

        Args:
            position: The array's position in the model.

        Yields:
            Flat blocks in C order, of at most CODEC_BLOCK_ITEMS numbers in the array's dtype and this machine's byte
            order; nobody may write to them. The numbers may be NaN or infinite: see `fednet.parameters.check_finite`.

        Raises:
            InvalidModel: A block cannot be decompressed.
        """
        entry, place = self._header.entries[position], self._starts[position]
        coding = entry.coding
        base = Flat(self._base.arrays[position], coding.base_dtype) if entry.delta else None
        for span in spans(entry.spec.size):
            count = span.stop - span.start
            size_bytes = coding.encoded_bytes(count)
            packed, place = self._block(place, size_bytes)
            data = unpacked(packed, size_bytes, coding.item_bytes)
            yield coding.decode(data, count, base.block(span) if base else None)

    def decoded(self, folder: Path) -> ModelFile:
        """Decode all arrays once, into a file without a name, and return views of them.

        Args:
            folder: The folder of the file, which must have room for all numbers.

        Raises:
            InvalidModel: A block cannot be decompressed.
            Unavailable: The file cannot be written.
        """
        positions = range(len(self.structure.arrays))
        with file_errors(folder):
            mapping, starts = map_written(
                folder, [partial(self._write, each) for each in positions]
            )
        arrays = [
            np.ndarray(spec.shape, spec.dtype, buffer=mapping, offset=start)
            for spec, start in zip(self.structure.arrays, starts, strict=True)
        ]
        return ModelFile(self.structure, arrays)

    def _write(self, position: int, file: BinaryIO) -> None:
        file.writelines(block.data for block in self.blocks(position))

    def _checked_starts(self, place: int) -> list[int]:
        """Return the position of each array's first block; each byte must belong to exactly one block."""
        starts = []
        for entry in self._header.entries:
            starts.append(place)
            place = self._end(entry, place)
        if place != len(self._data):
            raise InvalidModel(
                f"The blocks of the encoded update take {place} bytes, but the file has {len(self._data)}. Send the "
                "update again."
            )
        return starts

    def _end(self, entry: Entry, place: int) -> int:
        for span in spans(entry.spec.size):
            size_bytes = entry.coding.encoded_bytes(span.stop - span.start)
            _, place = self._block(place, size_bytes)
        return place

    def _block(self, place: int, size_bytes: int) -> tuple[memoryview, int]:
        """Return a block without its length, and the position of the next one."""
        if self._header.zstd:
            length = self._data[place : place + LENGTH.size]
            bare_bytes = size_bytes
            (size_bytes,) = LENGTH.unpack(length) if len(length) == LENGTH.size else (0,)
            if not 0 < size_bytes <= bare_bytes:
                raise InvalidModel(
                    f"A block of the encoded update claims {size_bytes} bytes; it has between 1 and {bare_bytes}. Send "
                    "the update again."
                )
            place += LENGTH.size
        end = place + size_bytes
        if end > len(self._data):
            raise InvalidModel("The encoded update is cut off. Send it again.")
        return self._data[place:end], end


class EncodedArray(BlockArray):
    """One array of an encoded update."""

    def __init__(self, update: EncodedUpdate, position: int) -> None:
        spec = update.structure.arrays[position]
        super().__init__(spec.shape, np.dtype(spec.dtype))
        self._update = update
        self._position = position

    def flat_blocks(self) -> Iterator[_Array]:
        return self._update.blocks(self._position)


def _check_base(header: Header, base: Base) -> None:
    """Check that the update was encoded against this base."""
    if header.base != base.digest:
        raise InvalidModel(
            f"The update was encoded against the model with the digest {header.base!r}, but the global model of its "
            f"task has {base.digest!r}. Encode it against the model of the task."
        )
    check_structure(header.structure, base.structure)
    for entry, before in zip(header.entries, base.arrays, strict=True):
        if entry.delta and entry.numbers == PLAIN and before.dtype.name != entry.spec.dtype:
            raise InvalidModel(
                f"Array {entry.spec.name!r} of {entry.spec.dtype} holds the difference from one of "
                f"{before.dtype.name}. Encode it without delta."
            )
