"""A helper reads and writes the model files of one format."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from fednet.parameters import ModelFormat

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

    def load(self, path: _Path) -> list[_Array]:
        """The parameters in a file: arrays of one's own, in their order.

        Raises:
            InvalidModel: The file is not of this format.
            NotFound: There is none.
        """
        return self._form.load(Path(path))

    def save(self, parameters: Sequence[_Array] | _Array, path: _Path | None = None) -> str:
        """Write parameters to a file.

        Args:
            parameters: Arrays of numbers, in the order of the model; or one vector by itself.
            path: Where to; by default a temporary file, which is the caller's to remove.

        Returns:
            The path.

        Raises:
            InvalidModel: They are not what a model of this format holds.
        """
        target = fspath(path) if path else _temporary_path(self._form.suffix)
        arrays = [parameters] if isinstance(parameters, np.ndarray) else parameters
        self._form.write(Path(target), arrays)
        return target


def _temporary_path(suffix: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=suffix, delete=False) as file:
        return file.name
