"""JSON as it comes over the wire, parsed once."""

from __future__ import annotations

from fednet import limits
from fednet.errors import InvalidInput

from ...machine.values import JsonObject


def json_object(
    text: str, field: str, words: str = "", bytes_max: int = limits.json_bytes_max
) -> JsonObject:
    """Return a JSON object, parsed.

    Args:
        text: The text.
        field: Its field, for the error.
        words: The name for people, if it differs from the field's name.
        bytes_max: The largest size of the text.

    Raises:
        InvalidInput: It is too long, no JSON that can be stored, or no object.
    """
    words = words or field
    if len(text.encode()) > bytes_max:
        raise InvalidInput(
            f"The {words} are more than {bytes_max} bytes of JSON: return less.", field=field
        )
    made = JsonObject(text)
    try:
        made.check()
    except ValueError as error:
        raise InvalidInput(f"The {words} are not JSON: {error}.", field=field) from error
    except TypeError as error:
        raise InvalidInput(
            f"The {words} must be a JSON object, names and their values.", field=field
        ) from error
    return made
