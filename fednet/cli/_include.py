"""The option of all commands that pack a folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def include_option(function: Function) -> Function:
    """Give a command the option `--include`, a tuple of patterns."""
    return click.option(
        "--include",
        multiple=True,
        metavar="PATTERN",
        help="Pack these files in any case, such as data/labels.csv; syntax of gitignore. Repeatable.",
    )(function)
