"""The settings of a session that a site's code takes, as the code declares them.

settings:
  learning_rate: {type: number, min: 0, max: 1}
  optimiser: {choices: [sgd, adam]}
  epochs: integer                             # the same as {type: integer}
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fednet import limits
from fednet.errors import InvalidPackage

_EXAMPLE = "For example, write `learning_rate: {type: number, min: 0, max: 1}`."
_FIELDS = ("type", "min", "max", "choices")


def _is_number(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, float) and math.isfinite(value))


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_short_number(value: Any) -> bool:
    """Return True for a number that Python shows; it refuses to write out very long integers."""
    is_long = isinstance(value, int) and value.bit_length() > limits.package_setting_bits_max
    return _is_number(value) and not is_long


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "number": _is_number,
    "integer": _is_integer,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_RANGED = ("number", "integer")


@dataclass(frozen=True)
class DeclaredSetting:
    """The values that a setting may have.

    Attributes:
        type: "number", "integer", "string", "boolean", "list" or "object"; "" for a choice.
        min: The least number; None for no bound.
        max: The greatest number; None for no bound.
        choices: The allowed values, each a text, a number or a boolean; empty for a type.
    """

    type: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str | float | bool, ...] = ()

    def takes(self, value: Any) -> bool:
        """Return True if a JSON value is allowed; 1 is a number and an integer, 1.0 a number, True neither."""
        if self.choices:
            return any(type(value) is type(each) and value == each for each in self.choices)
        is_low = self.min is not None and _is_number(value) and value < self.min
        is_high = self.max is not None and _is_number(value) and value > self.max
        return _TYPES[self.type](value) and not (is_low or is_high)

    def __str__(self) -> str:
        """Return the declaration in words, such as `number from 0 to 1`."""
        if self.choices:
            return "one of " + ", ".join(map(repr, self.choices))
        lower = f" from {self.min}" if self.min is not None else ""
        upper = f" to {self.max}" if self.max is not None else ""
        return f"{self.type}{lower}{upper}"


def declared_settings(value: Any) -> dict[str, DeclaredSetting]:
    """Return the declarations in a mapping, by the name of the setting.

    Args:
        value: By name: a type, or a mapping with `type`, and `min` and `max` for numbers, or with `choices`.

    Raises:
        InvalidPackage: The value has another form; names the field.
    """
    if not isinstance(value, Mapping) or not all(isinstance(name, str) and name for name in value):
        raise InvalidPackage(
            f"settings must be a mapping by the names of settings. {_EXAMPLE}", field="settings"
        )
    if len(value) > limits.package_settings_max:
        raise InvalidPackage(
            f"settings declares {len(value)} settings, and at most {limits.package_settings_max} "
            "are allowed.",
            field="settings",
        )
    return {name: _declared(given, f"settings.{name}") for name, given in value.items()}


def _declared(given: Any, field: str) -> DeclaredSetting:
    fields = {"type": given} if isinstance(given, str) else given
    if not isinstance(fields, Mapping) or not fields or not set(fields) <= set(_FIELDS):
        raise _invalid(field, f"it must be a type, or a mapping with some of {', '.join(_FIELDS)}")
    if "choices" in fields:
        return _choice(fields, field)
    if not isinstance(fields.get("type"), str) or fields["type"] not in _TYPES:
        raise _invalid(field, f"its type must be one of {', '.join(_TYPES)}")
    return _typed(fields, field)


def _choice(fields: Mapping[str, Any], field: str) -> DeclaredSetting:
    choices = fields["choices"]
    is_list = isinstance(choices, list | tuple)
    if not is_list or not 0 < len(choices) <= limits.package_setting_choices_max or len(fields) > 1:
        raise _invalid(
            field,
            f"choices stands alone, and lists 1 to {limits.package_setting_choices_max} values",
        )
    if not all(isinstance(each, str | bool) or _is_short_number(each) for each in choices):
        raise _invalid(field, "each of its choices must be a text, a number or a boolean")
    return DeclaredSetting(choices=tuple(choices))


def _typed(fields: Mapping[str, Any], field: str) -> DeclaredSetting:
    lower, upper = fields.get("min"), fields.get("max")
    bounds = [each for each in (lower, upper) if each is not None]
    if bounds and fields["type"] not in _RANGED:
        raise _invalid(field, "only a number or an integer has min and max")
    if not all(map(_is_short_number, bounds)) or bounds != sorted(bounds):
        raise _invalid(field, "min and max must be numbers, and min the lower one")
    return DeclaredSetting(fields["type"], lower, upper)


def _invalid(field: str, problem: str) -> InvalidPackage:
    return InvalidPackage(
        f"{field} is declared in a wrong form: {problem}. {_EXAMPLE}", field=field
    )
