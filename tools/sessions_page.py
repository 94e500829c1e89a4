"""The generated part of docs/sessions.md, made from the options of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fednet.contract import SessionOptions

if TYPE_CHECKING:
    from pydantic import BaseModel

_HEAD: Final = """\
| option | type | default | limits | meaning |
|---|---|---|---|---|
"""
_TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}
_LIMITS: Final = {
    "minimum": "at least {:,.15g}",
    "exclusiveMinimum": "above {:,.15g}",
    "maximum": "at most {:,.15g}",
    "exclusiveMaximum": "below {:,.15g}",
    "maxLength": "at most {:,.15g} characters",
    "pattern": "`{}`",
}


def part() -> str:
    """Return the table of all options."""
    return options_table(SessionOptions)


def options_table(declaration: type[BaseModel]) -> str:
    """Return the table of the fields that a model declares."""
    options = declaration.model_json_schema()["properties"]
    return _HEAD + "".join(_row(name, option) for name, option in options.items())


def _row(name: str, option: dict[str, Any]) -> str:
    """Return an option's line of the table."""
    value = next(iter(option.get("anyOf", [option])))  # its type besides null
    said = [words.format(value[key]) for key, words in _LIMITS.items() if key in value]
    cells = (f"`{name}`", _TYPES[value["type"]], _default(option), ", ".join(said))
    return f"| {' | '.join(cells)} | {' '.join(option['description'].split())} |\n"


def _default(option: dict[str, Any]) -> str:
    if "default" not in option:
        return "required"
    return "" if option["default"] is None else f"`{option['default']}`"
