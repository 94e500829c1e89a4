"""Helpers, which read and write model files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from fednet.parameters import ModelFormat, Parameters, given_arrays

_Path = str | PathLike[str]
_Array = np.ndarray[Any, Any]


class Helper:
    """Reads and writes model files of one format.

    Args:
        form: The format.

    Attributes:
        name: The helper's name.
    """

    def __init__(self, form: ModelFormat) -> None:
        self._form = form
        self.name = form.name

    def load(self, path: _Path) -> Parameters:
        """Return the parameters in a file as writable arrays in their order, a list with names.

        Raises:
            InvalidModel: The file does not have this format.
            NotFound: The file does not exist.
        """
        return self._form.load(Path(path))

    def save(
        self,
        parameters: Sequence[_Array] | Mapping[str, _Array] | _Array,
        path: _Path | None = None,
    ) -> str:
        """Write parameters to a file.

        Args:
            parameters: Arrays of numbers in the order of the model, or a single vector. A dict of arrays has that
                order, too; npz and safetensors keep its names.
            path: The path of the file; by default a temporary file, which the caller must remove.

        Returns:
            The path.

        Raises:
            InvalidModel: A model of this format may not have these parameters.
        """
        target = fspath(path) if path else _temporary_path(self._form.suffix)
        arrays, structure = given_arrays(parameters)
        self._form.write(
            Path(target), arrays, structure if isinstance(parameters, Mapping) else None
        )
        return target


def _temporary_path(suffix: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as file:
        return file.name
