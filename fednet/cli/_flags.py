"""Flags from a settings class: one for each field, with the field's docstring as its help.

A secret has a second flag, for a file with it, because the list of processes shows every command line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

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
        for name, field in reversed(kind.model_fields.items()):
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
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        metavar=_metavar(field),
        help=(field.description or "") + _default(field),
    )


def _file_flag(name: str) -> Callable[[Function], Function]:
    flag = f"--{name.replace('_', '-')}"
    return click.option(f"{flag}-file", metavar="FILE", help=f"A file with the value of {flag}.")


def _metavar(field: FieldInfo) -> str:
    metavars = {int: "INTEGER", float: "NUMBER", Path: "PATH"}
    return next((text for kind, text in metavars.items() if field.annotation is kind), "TEXT")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "  [required]"
    return "" if field.default_factory or field.default is None else f"  [default: {field.default}]"
