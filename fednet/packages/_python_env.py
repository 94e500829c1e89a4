"""The Python environment that a package asks for, in FEDn's form of the file python_env.yaml.

name: my-model
build_dependencies: [pip, setuptools]     # installed first
dependencies: [scikit-learn>=1.5]         # requirements, as pip takes them
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from fednet import limits
from fednet.errors import InvalidPackage
from fednet.packages._yaml import read_mapping

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.packages._manifest import Manifest

# `python` is FEDn's, which ignores it: the interpreter is always that of the client.
_KEYS = ("name", "python", "build_dependencies", "dependencies")
_EXAMPLE = "Write for example `dependencies: [scikit-learn]`."


@dataclass(frozen=True)
class PythonEnv:
    """What is to be installed.

    Attributes:
        name: A name for people.
        build_dependencies: Requirements that are installed first, as pip takes them on its
            command line. Relative paths begin in the manifest's folder.
        dependencies: Those that are installed then.
    """

    name: str = "python_env"
    build_dependencies: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


def python_env_path(manifest: Manifest) -> PurePosixPath | None:
    """Where in the package the environment is described; None if the manifest names none."""
    return PurePosixPath(manifest.folder, manifest.python_env) if manifest.python_env else None


def read_python_env(folder: Path, manifest: Manifest) -> PythonEnv | None:
    """The environment that an unpacked package asks for; None if it asks for none.

    Args:
        folder: Where the package is unpacked.
        manifest: What `unpack_package` returned.

    Raises:
        InvalidPackage: The file is missing or is not what it must be.
    """
    path = python_env_path(manifest)
    if path is None:
        return None
    try:
        with (folder / path).open("rb") as file:
            content = file.read(limits.text_characters_max + 1)
    except OSError as error:
        raise missing_python_env(path) from error
    return parse_python_env(content, path)


def parse_python_env(content: bytes, path: PurePosixPath) -> PythonEnv:
    """The environment that stands at `path` of a package.

    Raises:
        InvalidPackage: It is no YAML mapping, or one of its values is not what it must be.
    """
    values = read_mapping(content, path, _EXAMPLE)
    for key in values:
        if key not in _KEYS:
            raise InvalidPackage(
                f"{path}: there is no key {key!r}: use one of {', '.join(_KEYS)}.", field=str(key)
            )
    name = values.get("name") or PythonEnv.name
    if not isinstance(name, str) or len(name) > limits.name_characters_max:
        raise InvalidPackage(f"{path}: name must be a short text.", field="name")
    return PythonEnv(
        name,
        _requirements(values, "build_dependencies", path),
        _requirements(values, "dependencies", path),
    )


def missing_python_env(path: PurePosixPath) -> InvalidPackage:
    """What is wrong with a package whose manifest names a file that it does not hold."""
    return InvalidPackage(
        f"The manifest's python_env names {path}, and the package has no such file: add it, or "
        "take python_env out.",
        field="python_env",
    )


def _requirements(values: dict[Any, Any], key: str, path: PurePosixPath) -> tuple[str, ...]:
    listed = values.get(key) or []
    if not isinstance(listed, list) or not all(_is_requirement(each) for each in listed):
        raise InvalidPackage(
            f"{path}: {key} must be a list of requirements as pip takes them. {_EXAMPLE}",
            field=key,
        )
    return tuple(listed)


def _is_requirement(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != "" and value.isprintable()
