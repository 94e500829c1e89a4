"""Flags from a settings class: one for each field, with the field's docstring as its help.

A secret has a second flag, for a file with it, because the list of processes shows every command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pydantic.fields import FieldInfo

    from fednet.settings import Settings

Function = TypeVar("Function", bound="Callable[..., Any]")


def settings_flags(
    kind: type[Settings], only: Sequence[str] | None = None
) -> Callable[[Function], Function]:
    """Give a command `--config` and a flag for each field of a settings class.

    The values are passed on unchecked; `fednet.settings.load` checks all values in the same way.

    Args:
        kind: The settings class.
        only: The fields that the command uses; by default all.
    """

    def decorate(function: Function) -> Function:
        for name, field in reversed(kind.fields().items()):
            if only is None or name in only:
                if name in kind.secrets():
                    function = _file_flag(name)(function)
                function = _flag(name, field)(function)
        return _config(function)

    return decorate


def _config(function: Function) -> Function:
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A YAML file with settings; the environment overrides it, and a flag overrides both.",
    )(function)


def _flag(name: str, field: FieldInfo) -> Callable[[Function], Function]:
    flag, description = f"--{name.replace('_', '-')}", field.description or ""
    if field.default is False:
        return click.option(flag, name, is_flag=True, flag_value="true", help=description)
    return click.option(flag, name, metavar=_metavar(field), help=description + _default(field))


def _file_flag(name: str) -> Callable[[Function], Function]:
    flag = f"--{name.replace('_', '-')}"
    return click.option(f"{flag}-file", metavar="FILE", help=f"A file with the value of {flag}.")


def _metavar(field: FieldInfo) -> str:
    metavars = {int: "INTEGER", float: "NUMBER", Path: "PATH"}
    kinds = (field.annotation, *get_args(field.annotation))  # of an optional value, too
    return next((text for kind, text in metavars.items() if kind in kinds), "TEXT")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "  [required]"
    is_empty = field.default_factory or field.default in (None, ())
    return "" if is_empty else f"  [default: {field.default}]"
