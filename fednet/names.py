"""The names and ids that become parts of paths and keys."""

from __future__ import annotations

import re
import uuid
from typing import Final

from fednet import limits
from fednet.errors import InvalidInput

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""The form of a name: it begins with a letter or a digit."""

_name: Final = re.compile(NAME_PATTERN)


def check_name(name: str) -> None:
    """Check the name of a client, a combiner or the like.

    Raises:
        InvalidInput: It is too long, or has a character that no name has.
    """
    if len(name) > limits.name_characters_max or not _name.fullmatch(name):
        raise InvalidInput(
            f"Invalid name {name[: limits.name_characters_max]!r}: use letters, digits, '.', '_' and '-', a letter or "
            f"a digit first, at most {limits.name_characters_max} characters.",
            field="name",
        )


def is_id(text: str) -> bool:
    """Return True for a UUID in its usual form: lower case, with hyphens."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def check_id(text: str, field: str) -> str:
    """Return an id that comes from elsewhere.

    Raises:
        InvalidInput: It is no UUID in its usual form.
    """
    if not is_id(text):
        raise InvalidInput(
            f"Invalid {field} {text[: limits.name_characters_max]!r}: use a UUID in lower case, such as "
            "0b1f6c2e-6d0e-4f0b-9d8a-2f4b8f6f3c11.",
            field=field,
        )
    return text
