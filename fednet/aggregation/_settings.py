"""The settings of aggregators, with their limits.

An aggregator is a frozen dataclass whose fields are its settings. `setting` makes such a field, and `check_settings`,
called after the fields are set, checks each against its limits. `docs/aggregators.md` is generated from the same
fields.
"""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from fednet import limits
from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_KEY: Final = "fednet"


@dataclass(frozen=True)
class Limits:
    """The allowed values of a setting, and its meaning.

    Args:
        kind: `float` takes any finite number, `int` whole numbers, `str` one of the choices, `tuple` some texts.
        text: The meaning, with its unit, for the reference.
        least: The smallest allowed number.
        most: The largest allowed number.
        above: An exclusive lower bound.
        below: An exclusive upper bound.
        choices: The allowed words.
        is_optional: True if the setting may be None.
    """

    kind: type
    text: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    is_optional: bool = False

    def allow(self, value: object) -> bool:
        """Return True if the setting may have this value."""
        if value is None:
            return self.is_optional
        if self.kind is str:
            return value in self.choices
        if self.kind is tuple:
            return _are_texts(value)
        return self._is_number(value) and self._is_within(value)

    def describe(self) -> str:
        """Return the allowed values in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind is tuple:
            return (
                f"a list of at most {limits.setting_texts_max} texts of at most "
                f"{limits.array_name_characters_max} characters"
            )
        bounds = {
            "at least": self.least, "above": self.above, "at most": self.most, "below": self.below,
        }  # fmt: skip
        said = [f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        number = "a whole number" if self.kind is int else "a number"
        return f"{number} {' and '.join(said)}" + (", or left out" if self.is_optional else "")

    def _is_number(self, value: Any) -> bool:
        kinds = (int,) if self.kind is int else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)

    def _is_within(self, value: Any) -> bool:
        return bool(
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and -math.inf < value < math.inf
        )


def _are_texts(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) <= limits.setting_texts_max
        and all(
            isinstance(text, str) and 0 < len(text) <= limits.array_name_characters_max
            for text in value
        )
    )


def setting(default: Any, allowed: Limits) -> Any:
    """Return a field of an aggregator's dataclass."""
    return field(default=default, metadata={_KEY: allowed})


def settings_of(kind: type[DataclassInstance]) -> dict[str, tuple[Any, Limits | None]]:
    """Return the settings of an aggregator by name: the default, and the limits if there are any."""
    return {each.name: (each.default, each.metadata.get(_KEY)) for each in fields(kind)}


def check_settings(aggregator: DataclassInstance) -> None:
    """Check every setting against its limits.

    Raises:
        InvalidInput: A setting is outside its limits; the message names it.
    """
    for name, (_, allowed) in settings_of(type(aggregator)).items():
        value = getattr(aggregator, name)
        if allowed and not allowed.allow(value):
            raise InvalidInput(
                f"The aggregator's setting {name!r} is {reprlib.repr(value)}; it must be "
                f"{allowed.describe()}.",
                field="aggregator_kwargs",
            )
