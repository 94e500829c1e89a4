"""Flags made from the declaration of options: one for each option, with its docstring as the help."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fednet.cli._settings_file import settings_file
from fednet.contract import options_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from fednet.contract import Option

Function = TypeVar("Function", bound="Callable[..., Any]")


def option_flags(declaration: type[BaseModel]) -> Callable[[Function], Function]:
    """Give a command a flag for each option that a model declares.

    The server checks the values, wherever they come from.
    """

    def decorate(function: Function) -> Function:
        for option in reversed(options_of(declaration)):
            function = _flag(option)(function)
        return function

    return decorate


def _flag(option: Option) -> Callable[[Function], Function]:
    flag = f"--{option.name.replace('_', '-')}"
    if option.kind is bool:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    return click.option(
        option.traits.flag or flag,
        option.name,
        default=option.default,
        show_default=option.default is not None,
        help=option.meaning + (" A JSON or YAML file." if option.traits.is_in_a_file else ""),
        **_form(option),
    )


def _form(option: Option) -> dict[str, Any]:
    """Return the form in which a flag's value is typed."""
    if option.traits.is_source:
        path = click.Path(exists=True, dir_okay=False, path_type=Path)
        return {"type": path, "metavar": "FILE"}
    if option.traits.is_in_a_file:
        return settings_file()
    if option.kind is dict:
        word = option.traits.word_for
        return {
            "callback": partial(_json_object, word),
            "metavar": f"{word.upper()}|JSON" if word else "JSON",
        }
    return {"type": option.kind}


def _json_object(
    word_for: str, _: click.Context, __: click.Parameter, text: str | None
) -> dict[str, Any] | None:
    if text is None:
        return None
    if word_for and not text.lstrip().startswith(("{", "[")):
        return {word_for: text}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"this is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.BadParameter("it must be a JSON object, such as '{\"name\": 1}'.")
    return value
