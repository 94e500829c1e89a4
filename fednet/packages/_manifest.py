"""The manifest of a package: the command or the object for each task."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from fednet.errors import InvalidPackage
from fednet.packages._settings import DeclaredSetting, declared_settings
from fednet.packages._yaml import read_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAMES = ("fednet.yaml", "fednet.yml", "fedn.yaml", "fedn.yml")
TASKS = ("train", "validate", "predict")
ENTRY_POINTS = ("build", "startup", *TASKS)
_OURS = FILE_NAMES[:2]
_FIELDS = ("python_env", "entry_points", "client", "settings")
_EXAMPLE = 'For example, write `entry_points: {train: {command: "python train.py"}}`.'
_OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True)
class Manifest:
    """A package's description of itself.

    Attributes:
        entry_points: The shell command of each entry point, by its name (one of ENTRY_POINTS).
        python_env: The path of the file that describes the Python environment, relative to the manifest's folder, or
            None; see `read_python_env`.
        folder: The folder of the manifest inside the package, in which commands run, with `/` between its parts; "."
            for the top.
        client: The object that performs the tasks in a process that stays, as "module:name"; None for a package with
            entry points.
        name: The name of the manifest's file.
        settings: The settings of a session that the package takes, by name. A manifest in FEDn's form declares none.
    """

    entry_points: Mapping[str, str]
    python_env: str | None
    folder: str
    client: str | None = None
    name: str = FILE_NAMES[0]
    settings: Mapping[str, DeclaredSetting] = field(default_factory=dict)

    @property
    def path(self) -> PurePosixPath:
        """The path of the manifest inside the package."""
        return PurePosixPath(self.folder, self.name)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that the package may be asked for; an object's methods are known once it is loaded."""
        return TASKS if self.client else tuple(name for name in TASKS if name in self.entry_points)


def is_manifest(path: PurePosixPath) -> bool:
    """Return True if a file at this path of a package can be its manifest."""
    return path.name in FILE_NAMES


def precedence(path: PurePosixPath) -> tuple[int, int, str]:
    """Return the rank of a manifest; of several the lowest counts: by depth, then ours first."""
    return len(path.parts), FILE_NAMES.index(path.name), str(path)


def parse_manifest(content: bytes, path: PurePosixPath) -> Manifest:
    """Parse the manifest at `path` of a package.

    Raises:
        InvalidPackage: The file is not a YAML mapping, or a value in it is invalid.
    """
    values = read_mapping(content, path, _EXAMPLE)
    settings: Mapping[str, DeclaredSetting] = {}
    if path.name in _OURS:  # FEDn's manifest may have more fields, of another meaning
        _check_fields(values)
        settings = declared_settings(values.get("settings") or {})
    client = _client(values.get("client"))
    entry_points = _entry_points(values.get("entry_points"), client)
    return Manifest(
        entry_points,
        _python_env(values.get("python_env"), path),
        str(path.parent),
        client,
        path.name,
        settings,
    )


def _check_fields(values: Mapping[Any, Any]) -> None:
    for name in values:
        if name not in _FIELDS:
            raise InvalidPackage(
                f"Unknown field {name!r} in the manifest: use {', '.join(_FIELDS)}.",
                field=str(name),
            )


def _client(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _OBJECT.fullmatch(value):
        raise InvalidPackage(
            f"Invalid client {value!r} in the manifest: name a module and a class or object in it, "
            'such as "model:Client".',
            field="client",
        )
    return value


def _python_env(value: Any, path: PurePosixPath) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _is_inside(value):
        raise InvalidPackage(
            f"{path}: python_env must be the path of a YAML file in the manifest's folder, such as "
            "python_env.yaml.",
            field="python_env",
        )
    return value


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return path.isprintable() and pure.name != "" and not ({"..", "/"} & set(pure.parts))


def _mapping(value: Any, field: str, what: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise InvalidPackage(f"{field}: {what} must be a mapping. {_EXAMPLE}", field=field)
    return value


def _entry_points(value: Any, client: str | None) -> dict[str, str]:
    if not value:
        if client:
            return {}
        raise InvalidPackage(f"The manifest has no entry_points. {_EXAMPLE}", field="entry_points")
    named = _mapping(value, "entry_points", "entry_points")
    commands = {_name(name): _command(name, entry) for name, entry in named.items()}
    _check_who_works(commands, client)
    return commands


def _check_who_works(commands: Mapping[str, str], client: str | None) -> None:
    tasks = set(TASKS) & commands.keys()
    if client and tasks:
        raise InvalidPackage(
            f"The manifest has a client and the entry point {min(tasks)}: remove one of them.",
            field="client",
        )
    if not client and not tasks:
        raise InvalidPackage(
            f"A package needs at least one of the entry points {', '.join(TASKS)}. {_EXAMPLE}",
            field="entry_points",
        )


def _name(name: Any) -> str:
    """Return the entry point's name; `infer` is the name of predict in FEDn up to 0.9."""
    if name == "infer":
        return "predict"
    if name not in ENTRY_POINTS:
        raise InvalidPackage(
            f"Unknown entry point {name!r}: use one of {', '.join(ENTRY_POINTS)}.",
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
    return _one_line_ending(command)


def _one_line_ending(command: str) -> str:
    """Return a command without line endings of Windows, and without an end of line, behind which arguments are lost."""
    return command.replace("\r\n", "\n").replace("\r", "\n").strip()
