"""The format of a model file on this machine: from --helper, else recognised from the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fednet.parameters import ModelFormat

Function = TypeVar("Function", bound="Callable[..., Any]")


def helper_option(function: Function) -> Function:
    """Return the option `--helper`: the name of a format, or None."""
    return click.option(
        "--helper",
        help="The file's format; needed only for bare numbers: binaryhelper or androidhelper.",
    )(function)


def format_of(path: Path, helper: str | None) -> ModelFormat:
    """Return the format of a model file.

    Raises:
        InvalidInput: The helper is unknown.
    """
    from fednet.parameters import helper_names, model_format, recognised_helper

    return model_format(helper or recognised_helper(path) or helper_names()[0])
