"""The Python environment of a package, described by the file python_env.yaml in FEDn's form.

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

# FEDn knows `python` and ignores it: the interpreter is always that of the client.
_KEYS = ("name", "python", "build_dependencies", "dependencies")
_EXAMPLE = "For example, write `dependencies: [scikit-learn]`."


@dataclass(frozen=True)
class PythonEnv:
    """The requirements of a Python environment.

    Attributes:
        name: A name for people.
        build_dependencies: Requirements that are installed first, as on pip's command line. Relative paths begin in
            the manifest's folder.
        dependencies: Requirements that are installed afterwards.
    """

    name: str = "python_env"
    build_dependencies: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()


def python_env_path(manifest: Manifest) -> PurePosixPath | None:
    """Return the path of the description inside the package; None if the manifest names no file."""
    return PurePosixPath(manifest.folder, manifest.python_env) if manifest.python_env else None


def read_python_env(folder: Path, manifest: Manifest) -> PythonEnv | None:
    """Return the environment of an unpacked package; None if it has none.

    Args:
        folder: The folder of the unpacked package.
        manifest: The manifest, as `unpack_package` returned it.

    Raises:
        InvalidPackage: The file is missing or invalid.
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
    """Parse the description at `path` of a package.

    Raises:
        InvalidPackage: The file is not a YAML mapping, or a value in it is invalid.
    """
    values = read_mapping(content, path, _EXAMPLE)
    for key in values:
        if key not in _KEYS:
            raise InvalidPackage(
                f"{path}: unknown key {key!r}: use one of {', '.join(_KEYS)}.", field=str(key)
            )
    name = values.get("name") or PythonEnv.name
    if not isinstance(name, str) or len(name) > limits.name_characters_max:
        raise InvalidPackage(
            f"{path}: name must be a text of at most {limits.name_characters_max} characters.",
            field="name",
        )
    return PythonEnv(
        name,
        _requirements(values, "build_dependencies", path),
        _requirements(values, "dependencies", path),
    )


def missing_python_env(path: PurePosixPath) -> InvalidPackage:
    """Return the error for a package that lacks the file that its manifest names."""
    return InvalidPackage(
        f"The manifest's python_env names {path}, but the package has no such file: add it, or "
        "remove python_env.",
        field="python_env",
    )


def _requirements(values: dict[Any, Any], key: str, path: PurePosixPath) -> tuple[str, ...]:
    listed = values.get(key) or []
    if not isinstance(listed, list) or not all(_is_requirement(each) for each in listed):
        raise InvalidPackage(
            f"{path}: {key} must be a list of requirements of pip. {_EXAMPLE}",
            field=key,
        )
    return tuple(listed)


def _is_requirement(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != "" and value.isprintable()
