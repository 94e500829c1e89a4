"""Opens a model file; every array is a view, whatever the file's size."""

from __future__ import annotations

import mmap
import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from fednet import limits
from fednet.errors import InvalidModel
from fednet.parameters._archive import ZipMember, archive_errors, members, open_archive
from fednet.parameters._array_header import ARRAY_START_BYTES_MAX, ArrayHeader, read_array_header
from fednet.parameters._files import file_errors
from fednet.parameters._mapped import map_file, map_written
from fednet.parameters._parameters import Parameters
from fednet.parameters._structure import Structure

if TYPE_CHECKING:
    import zipfile
    from pathlib import Path
    from types import TracebackType

_Array = np.ndarray[Any, Any]


class ModelFile:
    """A model in a mapped file, as a context manager.

    The views keep the mapping alive: a view that is still in use after `close` stays valid.

    Attributes:
        structure: The name, shape and dtype of each array.
        arrays: Views in the byte and memory order of the file; empty once closed.
    """

    def __init__(self, structure: Structure, arrays: list[_Array]) -> None:
        self.structure = structure
        self.arrays = arrays

    def arrange(self, order: Structure) -> None:
        """Bring the arrays into another model's order, if they have its names.

        Libraries write arrays in orders of their own, and names tell which is which. With other names the order stays:
        `check_structure` names the difference.
        """
        if self.structure.names != order.names and (
            places := self.structure.places_of(order.names)
        ):
            self.structure = Structure(tuple(self.structure.arrays[place] for place in places))
            self.arrays = [self.arrays[place] for place in places]

    def close(self) -> None:
        """Drop the views; the mapping ends with the last one in use."""
        self.arrays = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True)
class _Entry:
    """A member together with its header."""

    member: ZipMember
    header: ArrayHeader

    @property
    def data_start(self) -> int:
        return self.member.start + self.header.nbytes


def open_model(
    path: Path, *, expected_bytes: int | None = None, writable: bool = False
) -> ModelFile:
    """Open a model file and check its form; the numbers themselves are not read.

    Stored arrays are viewed in place; the digest of the whole file replaces their checksums. Deflated arrays are
    inflated into a temporary file without a name, in the same folder, and viewed there.

    Args:
        path: An npz file; nobody may change it while it is open.
        expected_bytes: The largest size of the parameters, if it is known; eight bytes for each allow an update of any
            dtype. `limits.model_bytes_max` applies in any case.
        writable: Let the views of stored arrays be written; what is written stays in this process.

    Raises:
        InvalidModel: The file is not a model file as this package defines it; the message names the invalid array.
        NotFound: The file does not exist.
        Unavailable: The file cannot be read, or its folder has no room to inflate it.
    """
    with (
        file_errors(path),
        archive_errors(),
        path.open("rb") as file,
        open_archive(file) as archive,
    ):
        mapping = map_file(file, writable=writable)
        entries = [_read_entry(archive, mapping, member) for member in members(archive, mapping)]
        structure = Structure(tuple(entry.header.spec for entry in entries))
        check_bytes(structure, expected_bytes)
        return ModelFile(structure, _view_all(archive, mapping, entries, path.parent))


def load_parameters(path: Path) -> Parameters:
    """Load a model into memory, as writable arrays in this machine's byte order.

    Raises:
        InvalidModel: The file is not a model file as this package defines it; the message names the invalid array.
        NotFound: The file does not exist.
        Unavailable: The file cannot be read.
    """
    return owned(open_model(path))


def owned(model: ModelFile) -> Parameters:
    """Return writable copies of a model's arrays in this machine's byte order, and close the model."""
    with model:
        arrays = (
            np.array(array, dtype=array.dtype.newbyteorder("="), order="C")
            for array in model.arrays
        )
        return Parameters(arrays, model.structure.names)


def viewed(model: ModelFile) -> Parameters:
    """Return a model's views as writable arrays in this machine's byte order, copied only if they must be."""
    with model:
        arrays = (
            np.require(array, array.dtype.newbyteorder("="), ["C", "ALIGNED", "WRITEABLE"])
            for array in model.arrays
        )
        return Parameters(arrays, model.structure.names)


def _read_entry(archive: zipfile.ZipFile, mapping: mmap.mmap, member: ZipMember) -> _Entry:
    name = member.name
    if member.is_stored:
        header = read_array_header(_start_of(mapping, member), name)
    else:
        with archive.open(member.info) as stream:
            header = read_array_header(stream.read(ARRAY_START_BYTES_MAX), name)
    if header.nbytes + header.spec.nbytes != member.info.file_size:
        raise InvalidModel(
            f"Array {name!r} has {member.info.file_size - header.nbytes} bytes of data, but its "
            f"shape and dtype need {header.spec.nbytes}. Save or send the model again."
        )
    return _Entry(member, header)


def _start_of(mapping: mmap.mmap, member: ZipMember) -> bytes:
    return mapping[member.start : min(member.end, member.start + ARRAY_START_BYTES_MAX)]


def check_bytes(structure: Structure, expected_bytes: int | None) -> None:
    """Refuse a model that is larger than expected; see `open_model`."""
    if expected_bytes is not None and structure.nbytes > expected_bytes:
        raise InvalidModel(
            f"The parameters take {structure.nbytes} bytes; at most {expected_bytes} are expected. "
            "Return the trained arrays of the global model in their order."
        )


def _view_all(
    archive: zipfile.ZipFile, mapping: mmap.mmap, entries: list[_Entry], folder: Path
) -> list[_Array]:
    deflated = [entry for entry in entries if not entry.member.is_stored]
    inflated = iter(_inflate(archive, deflated, folder) if deflated else [])
    return [
        _view(mapping, entry.data_start, entry.header) if entry.member.is_stored else next(inflated)
        for entry in entries
    ]


def _view(mapping: mmap.mmap, start: int, header: ArrayHeader) -> _Array:
    return np.ndarray(
        header.spec.shape, header.dtype, buffer=mapping, offset=start, order=header.order
    )


def _inflate(archive: zipfile.ZipFile, entries: list[_Entry], folder: Path) -> list[_Array]:
    """Inflate the members' numbers into one file, and return views of them."""
    mapping, starts = map_written(
        folder, [partial(_inflate_one, archive, entry) for entry in entries]
    )
    return [
        _view(mapping, start, entry.header) for start, entry in zip(starts, entries, strict=True)
    ]


def _inflate_one(archive: zipfile.ZipFile, entry: _Entry, file: BinaryIO) -> None:
    start = file.tell()
    with archive.open(entry.member.info) as stream:
        stream.read(entry.header.nbytes)
        shutil.copyfileobj(stream, file, limits.chunk_bytes)
    if file.tell() - start != entry.header.spec.nbytes:
        raise InvalidModel(
            f"Array {entry.header.spec.name!r} is shorter than its header says. Save or send it again."
        )
