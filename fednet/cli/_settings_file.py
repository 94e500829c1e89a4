"""Settings for the code of clients, read from a JSON or YAML file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import click

from fednet import limits
from fednet.errors import InvalidInput

# YAML 1.1, which PyYAML reads, takes 1e-3 for a text; YAML 1.2 and everybody else for a number.
_EXPONENT: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")


def settings_file() -> dict[str, Any]:
    """Return the form of a flag that names a file with settings; its value is the settings, or None."""
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    return {"type": path, "metavar": "FILE", "callback": _settings_in}


def _settings_in(_: click.Context, __: click.Parameter, path: Path | None) -> dict[str, Any] | None:
    return None if path is None else read_settings(path)


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in a file: JSON if its name ends with .json, else YAML.

    Raises:
        InvalidInput: The file cannot be read, or its content is no settings.
    """
    from fednet.contract import check_given_settings

    settings = _content_of(path)
    check_given_settings(settings)
    return dict(settings)


def _content_of(path: Path) -> Any:
    try:
        text = _text_of(path)
        return json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"Cannot read settings from {path}: {error}", field="settings"
        ) from error


def _text_of(path: Path) -> str:
    size_bytes = path.stat().st_size
    if size_bytes > limits.settings_bytes_max:
        raise ValueError(f"it has {size_bytes:,} bytes, over {limits.settings_bytes_max:,}")
    return path.read_text(encoding="utf-8")


def _yaml(text: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """A loader that takes 1e-3 for a number."""

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
    try:
        return yaml.load(text, Loader)  # noqa: S506 - it is a safe loader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
