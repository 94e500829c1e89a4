"""The formats of model files, by the names of their helpers: one way to open and to write each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fednet.errors import InvalidInput
from fednet.parameters._model_file import load_parameters, open_model, owned
from fednet.parameters._raw import open_raw, write_raw
from fednet.parameters._safetensors import open_safetensors, write_safetensors
from fednet.parameters._writer import write_model

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from fednet.parameters._model_file import ModelFile
    from fednet.parameters._structure import Structure

_Array = np.ndarray[Any, Any]


class ModelFormat(Protocol):
    """One format of model files."""

    @property
    def name(self) -> str:
        """The helper's name."""

    @property
    def suffix(self) -> str:
        """How the names of such files end, with the dot."""

    def open(self, path: Path, *, expected_bytes: int | None = None) -> ModelFile:
        """Open a file and check its form; see `open_model`, also for the errors."""

    def load(self, path: Path) -> list[_Array]:
        """Load a file into memory; see `load_parameters`, also for the errors."""

    def write(
        self, path: Path, arrays: Iterable[_Array], structure: Structure | None = None
    ) -> tuple[int, str]:
        """Write a file, whole or not at all; see `write_model`, also for the errors.

        Args:
            path: Where; a file of that name is replaced.
            arrays: The parameters, taken one at a time where a structure is given.
            structure: What they are, where that is known: the names and dtypes of the global model.

        Returns:
            The file's size in bytes and its SHA-256 in hexadecimal.
        """


class _Npz:
    """FEDn's numpyhelper."""

    name = "numpyhelper"
    suffix = ".npz"

    def open(self, path: Path, *, expected_bytes: int | None = None) -> ModelFile:
        return open_model(path, expected_bytes=expected_bytes)

    def load(self, path: Path) -> list[_Array]:
        return load_parameters(path)

    def write(
        self, path: Path, arrays: Iterable[_Array], structure: Structure | None = None
    ) -> tuple[int, str]:
        del structure  # an npz needs no table of contents before its arrays
        return write_model(path, arrays)


@dataclass(frozen=True)
class _Raw:
    """FEDn's binaryhelper and androidhelper: numbers one after the other, and nothing else."""

    name: str
    dtype: str
    suffix: str = ".bin"

    def open(self, path: Path, *, expected_bytes: int | None = None) -> ModelFile:
        return open_raw(path, self.dtype, expected_bytes=expected_bytes)

    def load(self, path: Path) -> list[_Array]:
        return owned(self.open(path))

    def write(
        self, path: Path, arrays: Iterable[_Array], structure: Structure | None = None
    ) -> tuple[int, str]:
        del structure  # its one array has no name
        return write_raw(path, self.dtype, arrays)


class _Safetensors:
    """The format of the library of that name."""

    name = "safetensors"
    suffix = ".safetensors"

    def open(self, path: Path, *, expected_bytes: int | None = None) -> ModelFile:
        return open_safetensors(path, expected_bytes=expected_bytes)

    def load(self, path: Path) -> list[_Array]:
        return owned(self.open(path))

    def write(
        self, path: Path, arrays: Iterable[_Array], structure: Structure | None = None
    ) -> tuple[int, str]:
        return write_safetensors(path, arrays, structure)


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
    """The format that a helper reads and writes.

    Raises:
        InvalidInput: There is no such helper; the field is `helper`.
    """
    if helper not in _FORMATS:
        raise InvalidInput(
            f"The helper {helper!r} is not known; there are {', '.join(helper_names())}.",
            field="helper",
        )
    return _FORMATS[helper]


def helper_names() -> list[str]:
    """The names of all helpers, the usual one first."""
    return list(_FORMATS)
