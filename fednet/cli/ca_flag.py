"""The flag that names the authorities whose servers a command trusts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

Function = TypeVar("Function", bound="Callable[..., Any]")


def ca_flag(function: Function) -> Function:
    """Give a command `--ca`."""
    return click.option(
        "--ca",
        type=click.Path(path_type=Path, dir_okay=False, resolve_path=True),
        help="A file with the authorities (PEM) whose servers are trusted; by default FEDNET_CA, else what is known "
        "of the network, else the public ones.",
    )(function)
