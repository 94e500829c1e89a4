"""The formats of model files, by the names of their helpers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from fednet.errors import InvalidInput
from fednet.parameters._blocks import BlockArray
from fednet.parameters._files import file_errors, written
from fednet.parameters._model_file import open_model, owned, viewed
from fednet.parameters._raw import open_raw, write_raw_to
from fednet.parameters._safetensors import (
    begins_safetensors,
    open_safetensors,
    write_safetensors_to,
)
from fednet.parameters._writer import write_model_to

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fednet.digests import Digest
    from fednet.parameters._files import Writable
    from fednet.parameters._model_file import ModelFile
    from fednet.parameters._parameters import Parameters
    from fednet.parameters._structure import Structure

_Array = np.ndarray[Any, Any]

_BEGINNING_BYTES: Final = 16


class ModelFormat(Protocol):
    """One format of model files.

    Attributes:
        name: The helper's name.
        suffix: The end of the names of such files, with the dot.
    """

    name: str
    suffix: str

    def begins(self, start: bytes) -> bool:  # noqa: ARG002  bare numbers have no beginning
        """Return True if the first bytes of a file belong to this format and to no other."""
        return False

    def open(
        self, path: Path, *, expected_bytes: int | None = None, writable: bool = False
    ) -> ModelFile:
        """Open a file and check its form; see `open_model`."""

    def load(self, path: Path) -> Parameters:
        """Load a file into memory; see `load_parameters` for the errors."""
        return owned(self.open(path))

    def view(self, path: Path) -> Parameters:
        """Map a file as writable arrays; see `load_parameters` for the errors.

        What is written stays in this process. Nobody may change the file while an array is in use; it may be deleted.
        """
        return viewed(self.open(path, writable=True))

    def write_to(
        self,
        file: Writable,
        arrays: Iterable[_Array | BlockArray],
        structure: Structure | None = None,
    ) -> None:
        """Write a model to a binary stream; see `write_model_to` for the errors.

        Args:
            file: The stream.
            arrays: The parameters; read one at a time if a structure is given.
            structure: The names, shapes and dtypes of the parameters, if they are known: those of the global model.
        """

    def write(
        self, path: Path, arrays: Iterable[_Array], structure: Structure | None = None
    ) -> Digest:
        """Write a file, whole or not at all; see `write_model` for the errors.

        Args:
            path: The path; an earlier file is replaced.
            arrays: The parameters; see `write_to`.
            structure: Their structure; see `write_to`.

        Returns:
            The file's size and BLAKE3 digest.
        """
        with written(path) as file:
            self.write_to(file, arrays, structure)
        return file.digest


class _Npz(ModelFormat):
    """The format of numpyhelper."""

    name = "numpyhelper"
    suffix = ".npz"

    def begins(self, start: bytes) -> bool:
        return start.startswith(b"PK\x03\x04")

    def open(
        self, path: Path, *, expected_bytes: int | None = None, writable: bool = False
    ) -> ModelFile:
        return open_model(path, expected_bytes=expected_bytes, writable=writable)

    def write_to(
        self,
        file: Writable,
        arrays: Iterable[_Array | BlockArray],
        structure: Structure | None = None,
    ) -> None:
        write_model_to(file, arrays, structure)


@dataclass
class _Raw(ModelFormat):
    """The format of binaryhelper and androidhelper: numbers one after the other, and nothing else."""

    name: str
    dtype: str
    suffix: str = ".bin"

    def open(
        self, path: Path, *, expected_bytes: int | None = None, writable: bool = False
    ) -> ModelFile:
        return open_raw(path, self.dtype, expected_bytes=expected_bytes, writable=writable)

    def write_to(
        self,
        file: Writable,
        arrays: Iterable[_Array | BlockArray],
        structure: Structure | None = None,
    ) -> None:
        del structure  # its one array has no name
        write_raw_to(file, self.dtype, arrays)


class _Safetensors(ModelFormat):
    """The format of the library safetensors."""

    name = "safetensors"
    suffix = ".safetensors"

    def begins(self, start: bytes) -> bool:
        return begins_safetensors(start)

    def open(
        self, path: Path, *, expected_bytes: int | None = None, writable: bool = False
    ) -> ModelFile:
        return open_safetensors(path, expected_bytes=expected_bytes, writable=writable)

    def write_to(
        self,
        file: Writable,
        arrays: Iterable[_Array | BlockArray],
        structure: Structure | None = None,
    ) -> None:
        write_safetensors_to(file, arrays, structure)


_FORMATS: dict[str, ModelFormat] = {
    form.name: form
    for form in (
        _Npz(),
        _Raw("binaryhelper", "float64"),
        _Raw("androidhelper", "float32"),
        _Safetensors(),
    )
}


def model_format(helper: str) -> ModelFormat:
    """Return the format of a helper.

    Raises:
        InvalidInput: The helper is unknown; the field is `helper`.
    """
    if helper not in _FORMATS:
        raise InvalidInput(
            f"Unknown helper {helper!r}: use one of {', '.join(helper_names())}.",
            field="helper",
        )
    return _FORMATS[helper]


def helper_names() -> list[str]:
    """Return the names of all helpers, the default first."""
    return list(_FORMATS)


def recognised_helper(path: Path) -> str | None:
    """Return the helper whose files begin as this one does; None if no helper does.

    Files of bare numbers are never recognised: the caller must know which of the two raw formats they have.

    Raises:
        NotFound: The file does not exist.
        Unavailable: The file cannot be read.
    """
    with file_errors(path), path.open("rb") as file:
        start = file.read(_BEGINNING_BYTES)
    return next((name for name, form in _FORMATS.items() if form.begins(start)), None)
