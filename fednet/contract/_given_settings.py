"""The settings that a person gives to a session, or to `fednet run`: JSON values by name, for the code of clients."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from fednet import limits
from fednet.errors import InvalidInput
from fednet.json_values import everything_in

FEDNETS_OWN: Final = frozenset({"round", "rounds", "session_id"})
"""The names of the settings that every task has from fednet."""

_FIELD: Final = "settings"


def check_given_settings(settings: Any) -> None:
    """Check settings that a person gives.

    Args:
        settings: At most `limits.settings_bytes_max` bytes as JSON, `limits.settings_levels_max` levels deep; no
            name is one of `FEDNETS_OWN`.

    Raises:
        InvalidInput: They are no such settings; names the place.
    """
    if not isinstance(settings, dict):
        raise _refusal('they must be an object of values by name, such as {"learning_rate": 0.1}')
    if taken := FEDNETS_OWN & settings.keys():
        raise _refusal(f"{min(taken)!r} is a setting of fednet: choose another name")
    for number, (parts, value) in enumerate(everything_in(settings), 1):
        place = "".join(f"[{part!r}]" for part in parts)
        _check_size(number, place, len(parts) + 1, value)
        _check_value(place, value)
    size_bytes = len(json.dumps(settings).encode())
    if size_bytes > limits.settings_bytes_max:
        raise _refusal(
            f"they have {size_bytes:,} bytes as JSON, and {limits.settings_bytes_max:,} are allowed"
        )


def _check_size(number: int, place: str, level: int, value: Any) -> None:
    if number > limits.json_values_max:
        raise _refusal(f"they have more than {limits.json_values_max:,} values")
    if level > limits.settings_levels_max and isinstance(value, dict | list | tuple):
        raise _refusal(f"they are more than {limits.settings_levels_max} levels deep at {place}")


def _check_value(place: str, value: Any) -> None:
    match value:
        case dict():
            for name in value:
                _check_name(place, name)
        case str():
            _check_text(place, value)
        case bool() | None | list() | tuple():
            pass
        case int():
            _check_integer(place, value)
        case float():
            _check_number(place, value)
        case _:
            raise _refusal(f"{place} is a {type(value).__name__}: give a JSON value instead")


def _check_name(place: str, name: Any) -> None:
    if not isinstance(name, str):
        raise _refusal(f"the name {name!r} in {place or 'them'} must be a text: put it in quotes")
    _check_text(place, name)
    if not 0 < len(name) <= limits.name_characters_max:
        raise _refusal(
            f"the name {name[:20]!r} in {place or 'them'} must have 1 to "
            f"{limits.name_characters_max} characters"
        )


def _check_text(place: str, text: str) -> None:
    """Refuse a text that a store or another program cannot keep: half a character, or NUL."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text)):
        raise _refusal(
            f"the text {text[:20]!r} in {place or 'them'} has characters that no text has"
        )


def _check_integer(place: str, value: int) -> None:
    if value.bit_length() > limits.settings_integer_bits_max:
        raise _refusal(
            f"{place} has more than {limits.settings_integer_bits_max} bits: give it as a text"
        )


def _check_number(place: str, value: float) -> None:
    if not math.isfinite(value):
        raise _refusal(f"{place} is {value}: give a finite number, or null")


def _refusal(problem: str) -> InvalidInput:
    return InvalidInput(f"The settings are invalid: {problem}.", field=_FIELD)
