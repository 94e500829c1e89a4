"""Secrets that are in files of their own, as systems that hold secrets mount them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fednet.errors import InvalidInput


def with_secret_read(values: dict[str, Any], field: str) -> dict[str, Any]:
    """Return settings with the content of a secret's file in place of its path.

    Args:
        values: The settings of one source, such as the environment; `<field>_file` is the path of the file.
        field: The name of the secret.

    Raises:
        InvalidInput: The secret and its file are both given, or the file cannot be read or is empty.
    """
    path = values.get(f"{field}_file")
    others = {name: value for name, value in values.items() if name != f"{field}_file"}
    if path is None:
        return others
    if values.get(field) is not None:
        raise InvalidInput(
            f"Both {field} and {field}_file are set: remove one of them.", field=field
        )
    return others | {field: _text_of(path, f"{field}_file")}


def _text_of(path: Any, field: str) -> str:
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, TypeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InvalidInput(
            f"Cannot read the file of {field}, {path}: {reason}.", field=field
        ) from error
    if not text:
        raise InvalidInput(
            f"The file of {field}, {path}, is empty: write the value into it.", field=field
        )
    return text
