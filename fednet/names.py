"""The names and ids that become parts of paths and keys, and the texts that a store can find."""

from __future__ import annotations

import re
from typing import Final

from fednet import limits
from fednet.errors import InvalidInput

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""The form of a name: it begins with a letter or a digit."""

ID_PATTERN: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
"""The form of an id: a UUID in its usual form."""

TEXT_PATTERN: Final = r"^[^\x00]*$"
"""The form of a text that a store can find: it has no NUL. JSON can spell half a character; that is refused, too."""

_name: Final = re.compile(NAME_PATTERN)
_id: Final = re.compile(ID_PATTERN)
_text: Final = re.compile(TEXT_PATTERN)
_half_character: Final = re.compile(r"[\ud800-\udfff]")


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


def is_text(text: str) -> bool:
    """Return True for a text that every store can keep and find."""
    return _text.fullmatch(text) is not None and _half_character.search(text) is None


def is_id(text: str) -> bool:
    """Return True for a UUID in its usual form: lower case, with hyphens."""
    return _id.fullmatch(text) is not None


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
