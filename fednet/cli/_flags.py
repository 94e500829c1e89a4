"""Flags made from a settings class: one for each field, its help from the field's docstring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Function = TypeVar("Function", bound="Callable[..., Any]")


def settings_flags(kind: type[BaseModel]) -> Callable[[Function], Function]:
    """Give a command `--config` and a flag for each field of a settings class.

    The values arrive as they were typed: `fednet.settings.load` checks them, the same way
    wherever they come from.
    """

    def decorate(function: Function) -> Function:
        for name, field in reversed(kind.model_fields.items()):
            function = _flag(name, field)(function)
        return _config(function)

    return decorate


def _config(function: Function) -> Function:
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A YAML file with settings; the environment wins over it, and a flag over both.",
    )(function)


def _flag(name: str, field: FieldInfo) -> Callable[[Function], Function]:
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        metavar=_metavar(field),
        help=(field.description or "") + _default(field),
    )


def _metavar(field: FieldInfo) -> str:
    metavars = {int: "INTEGER", float: "NUMBER", Path: "PATH"}
    return next((text for kind, text in metavars.items() if field.annotation is kind), "TEXT")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "  [required]"
    return "" if field.default_factory or field.default is None else f"  [default: {field.default}]"
