"""The manifest of a package: which command runs for which task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from fednet.errors import InvalidPackage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

FILE_NAMES = ("fednet.yaml", "fedn.yaml")
ENTRY_POINTS = ("build", "startup", "train", "validate", "predict")
_EXAMPLE = 'Write for example `entry_points: {train: {command: "python train.py"}}`.'


@dataclass(frozen=True)
class Manifest:
    """What a package says of itself.

    Attributes:
        entry_points: The shell command of each entry point, by its name (one of ENTRY_POINTS).
        python_env: The path of a file that describes the Python environment, if one is named.
        folder: The folder inside the package that holds the manifest and that commands run in,
            with `/` between its parts; "." for the top.
    """

    entry_points: Mapping[str, str]
    python_env: str | None
    folder: str


def is_manifest(path: PurePosixPath) -> bool:
    """Whether a file at this path of a package can be its manifest."""
    return path.name in FILE_NAMES


def precedence(path: PurePosixPath) -> tuple[int, int, str]:
    """Of several manifests the one with the lowest precedence counts: shallow, then ours."""
    return len(path.parts), FILE_NAMES.index(path.name), str(path)


def parse_manifest(content: bytes, path: PurePosixPath) -> Manifest:
    """The manifest that stands at `path` of a package.

    Raises:
        InvalidPackage: It is no YAML mapping, or an entry point is not what it must be.
    """
    values = _mapping(_yaml(content, path), str(path), "the whole file")
    entry_points = _entry_points(values.get("entry_points"))
    python_env = values.get("python_env")
    if python_env is not None and not isinstance(python_env, str):
        raise InvalidPackage(
            f"{path}: python_env must be the path of a YAML file, such as python_env.yaml.",
            field="python_env",
        )
    return Manifest(entry_points, python_env, str(path.parent))


def _yaml(content: bytes, path: PurePosixPath) -> Any:
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidPackage(f"{path} is no valid YAML: {error}", field=str(path)) from error


def _mapping(value: Any, field: str, what: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise InvalidPackage(f"{field}: {what} must be a mapping. {_EXAMPLE}", field=field)
    return value


def _entry_points(value: Any) -> dict[str, str]:
    if not value:
        raise InvalidPackage(f"The manifest has no entry_points. {_EXAMPLE}", field="entry_points")
    named = _mapping(value, "entry_points", "entry_points")
    commands = {_name(name): _command(name, entry) for name, entry in named.items()}
    if not {"train", "validate"} & commands.keys():
        raise InvalidPackage(
            f"A package needs an entry point train or validate. {_EXAMPLE}", field="entry_points"
        )
    return commands


def _name(name: Any) -> str:
    """The entry point's name; `infer` is what FEDn called predict up to 0.9."""
    if name == "infer":
        return "predict"
    if name not in ENTRY_POINTS:
        raise InvalidPackage(
            f"There is no entry point {name!r}: use one of {', '.join(ENTRY_POINTS)}.",
            field=f"entry_points.{name}",
        )
    return str(name)


def _command(name: Any, entry: Any) -> str:
    field = f"entry_points.{name}"
    command = _mapping(entry, field, "an entry point").get("command")
    if not isinstance(command, str) or not command.strip() or "\0" in command:
        raise InvalidPackage(
            f'{field}.command must be a shell command, such as "python {name}.py".',
            field=f"{field}.command",
        )
    return command
