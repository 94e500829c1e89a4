"""The reference of the whole command line, made from the commands: `docs/cli.md`.

`python -m fednet.cli._reference > docs/cli.md` writes it anew; a test says when that is due.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fednet.cli._exit import MEANINGS
from fednet.cli._main import main

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN = """\
# The command line

Made from the commands themselves by `python -m fednet.cli._reference > docs/cli.md`: change them, not
this page.

`fednet --version` says which version is installed. Every command has `--help`. Where a command has
`--json`, programs get the same data as people, as one JSON value on stdout; errors are JSON then, too.
Tables are plain text, and progress is told in lines, wherever stdout is no terminal.

Which network a command speaks to: `--url` and `--token` win over `FEDNET_URL` and `FEDNET_TOKEN`, these
win over the network that `fednet network use` has chosen, and that wins over the controller that last ran
on this machine with the default data folder. `APIClient()` finds it likewise. Where a network has several
controllers, `--url` and `FEDNET_URL` take all their addresses, separated by commas: a command goes on with
the next one when one is away.
"""


def reference() -> str:
    """The page, in Markdown."""
    return "\n".join([_BEGIN, _exit_codes(), *_sections(main, "fednet")])


def _exit_codes() -> str:
    rows = [f"| {int(code)} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["## Exit codes", "", "| code | meaning |", "|---|---|", *rows, ""])


def _sections(group: click.Group, path: str) -> Iterator[str]:
    """One section for each command below a group, with its help as it is shown."""
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, "a group knows the commands that it lists"
        yield _section(command, f"{path} {name}")
        if isinstance(command, click.Group):
            yield from _sections(command, f"{path} {name}")


def _section(command: click.Command, path: str) -> str:
    # A width of its own, so that the page is the same whatever terminal it is made in.
    context = click.Context(
        command, info_name=path, terminal_width=100, help_option_names=["-h", "--help"]
    )
    depth = "#" * (path.count(" ") + 1)
    return f"{depth} {path}\n\n```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
