"""Reads the YAML files of a package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from fednet import limits
from fednet.errors import InvalidPackage

if TYPE_CHECKING:
    from pathlib import PurePosixPath


def read_mapping(content: bytes, path: PurePosixPath, example: str) -> dict[Any, Any]:
    """Return the mapping in a file of a package.

    Args:
        content: The file, or its begin if the file is too long.
        path: Its path in the package, for messages.
        example: A sentence with an example, for messages.

    Raises:
        InvalidPackage: The file is too long, or not a YAML mapping.
    """
    field = str(path)
    if len(content) > limits.text_characters_max:
        raise InvalidPackage(
            f"{path} has more than {limits.text_characters_max} bytes: shorten it.", field=field
        )
    try:
        values = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidPackage(f"{path} is not valid YAML: {error}", field=field) from error
    if not isinstance(values, dict):
        raise InvalidPackage(f"{path}: the whole file must be a mapping. {example}", field=field)
    return values
