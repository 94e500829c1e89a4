"""The generated part of docs/cli.md, made from the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fednet.cli._exit import MEANINGS
from fednet.cli._main import main

if TYPE_CHECKING:
    from collections.abc import Iterator


def part() -> str:
    """Return the exit codes, and a section for each command."""
    return "\n".join(["", _exit_codes(), *_sections(main, "fednet"), ""])


def _exit_codes() -> str:
    rows = [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _sections(group: click.Group, path: str) -> Iterator[str]:
    """Yield a section for each command below a group, with its help as people see it."""
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, "a group knows the commands that it lists"
        yield _section(command, f"{path} {name}")
        if isinstance(command, click.Group):
            yield from _sections(command, f"{path} {name}")


def _section(command: click.Command, path: str) -> str:
    # The fixed width makes the same page in every terminal.
    context = click.Context(
        command, info_name=path, terminal_width=100, help_option_names=["-h", "--help"]
    )
    depth = "#" * (path.count(" ") + 1)
    return f"{depth} {path}\n\n```text\n{command.get_help(context)}\n```\n"
