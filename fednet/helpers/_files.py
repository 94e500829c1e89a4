"""The JSON files that a package writes next to its models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

_Path = str | PathLike[str]


def save_metadata(metadata: Mapping[str, Any], filename: _Path) -> None:
    """Write the metadata of an update: `num_examples` and any further values.

    Args:
        metadata: JSON values.
        filename: The path of the update; the metadata goes to that path with `-metadata` added.
    """
    _write(metadata, f"{fspath(filename)}-metadata")


def load_metadata(filename: _Path) -> dict[str, Any]:
    """Read the metadata of an update.

    Args:
        filename: The path of the update, without `-metadata`.
    """
    content = Path(f"{fspath(filename)}-metadata").read_text(encoding="utf-8")
    metadata: dict[str, Any] = json.loads(content)
    return metadata


def save_metrics(metrics: Mapping[str, Any], filename: _Path) -> None:
    """Write the metrics of a validation.

    Args:
        metrics: JSON scalars by name, such as {"accuracy": 0.9}.
        filename: The path of the file.
    """
    _write(metrics, filename)


def _as_python(value: Any) -> Any:
    """Return a number or an array of another kind as one of Python's: of NumPy or a tensor, a Decimal."""
    return value.tolist() if hasattr(value, "tolist") else float(value)


def _write(values: Mapping[str, Any], path: _Path) -> None:
    text = json.dumps(values, default=_as_python)
    Path(path).write_text(text, encoding="utf-8")
