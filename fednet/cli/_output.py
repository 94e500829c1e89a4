"""The output of all commands: tables and progress for people, JSON for programs.

Rich draws it if it is installed and the output is a terminal; else it is plain text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from fednet.errors import FednetError

Function = TypeVar("Function", bound=Callable[..., Any])
ShowProgress = Callable[[int, int, str], None]
"""Takes the number of finished steps, that of all steps, and a line of text."""

_JSON = "fednet.json"


def json_option(function: Function) -> Function:
    """Give a command the flag `--json`, as its argument `as_json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,
        callback=_remember_json,
        help="Print JSON, for programs; errors too.",
    )(function)


def _remember_json(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    ctx.meta[_JSON] = value
    return value


def note_arguments(ctx: click.Context, arguments: Sequence[str]) -> None:
    """Note before they are parsed if the arguments have the flag `--json`."""
    flags = [*arguments, "--"]
    ctx.meta[_JSON] = "--json" in flags[: flags.index("--")]


def wants_json(ctx: click.Context) -> bool:
    """Return True if the running command has the flag `--json`."""
    return bool(ctx.meta.get(_JSON))


def show_json(value: Any) -> None:
    """Print one JSON value on one line."""
    click.echo(json.dumps(value))


def show_answer(answer: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print the result of a command as JSON or as a sentence."""
    if as_json:
        show_json(answer)
    else:
        click.echo(sentence)


def show_error(error: FednetError, *, as_json: bool) -> None:
    """Print an error as JSON on stdout, or as a sentence on stderr."""
    if as_json:
        show_json(error.to_dict())
        return
    click.echo(f"Error: {error.message}", err=True)
    if error.field is not None:
        click.echo(f"Field: {error.field}", err=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their column titles; None is shown as a dash, numbers are aligned to the right."""
    if _draws_with_rich():
        _rich_table(columns, rows)
    else:
        _plain_table(columns, rows)


def show_record(record: Mapping[str, Any]) -> None:
    """Print the fields of one object, one in each line, nested values as JSON; then texts of several lines."""
    texts = dict(_long_texts(record))
    rows = [[name, _cell(_without(value, name, texts))] for name, value in record.items()]
    show_table(("field", "value"), rows)
    for name, text in texts.items():
        click.echo(f"\n{name}:")
        for line in text.splitlines():
            click.echo(f"  {_text(line.expandtabs())}")


def _long_texts(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts of several lines, each with its name; a dot leads into an object."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _long_texts(value, f"{prefix}{name}.")
        elif isinstance(value, str) and "\n" in value.strip():
            yield f"{prefix}{name}", value


def _without(value: Any, name: str, texts: Mapping[str, str]) -> Any:
    """Return a value without the texts that are shown below the table."""
    if name in texts:
        return "(below)"
    if not isinstance(value, Mapping):
        return value
    return {
        key: _without(inner, f"{name}.{key}", texts)
        for key, inner in value.items()
        if f"{name}.{key}" not in texts
    }


def _cell(value: Any) -> str | None:
    return value if isinstance(value, str | None) else json.dumps(value)


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    lines = [list(columns), *([_text(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = _numeric_columns(columns, rows)
    for line in lines:
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console, texts = Console(), [[_text(cell) for cell in row] for row in rows]
    widths = fitting_widths(columns, texts, console.width)
    right = _numeric_columns(columns, rows)
    table = Table()
    for index, width in enumerate(widths):
        justify: Literal["left", "right"] = "right" if index in right else "left"
        table.add_column(columns[index], justify=justify, width=width, overflow="fold")
    for row in texts:
        table.add_row(*map(escape, row[: len(widths)]))
    console.print(table)
    if hidden := columns[len(widths) :]:
        click.echo(f"Not shown: {', '.join(hidden)}. Widen the window, or use --json.", err=True)


def fitting_widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], width_max: int
) -> list[int]:
    """Return the widths of the first columns that fit beside one another without a broken word.

    Args:
        columns: The titles.
        rows: The cells.
        width_max: The width of the terminal, in characters. Each column takes three more, the table one.
    """
    cells = [[title, *(row[index] for row in rows)] for index, title in enumerate(columns)]
    words = [max(len(word) for cell in column for word in cell.split() or [""]) for column in cells]
    shown = len(columns)
    while shown > 1 and sum(words[:shown]) + 3 * shown + 1 > width_max:
        shown -= 1
    room = max(1, width_max - 3 * shown - 1)
    widths = [min(words[index], room) for index in range(shown)]
    for index in range(shown):
        wanted = max(map(len, cells[index]))
        widths[index] += max(0, min(wanted - widths[index], room - sum(widths)))
    return widths


def _numeric_columns(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> set[int]:
    return {
        index
        for index in range(len(columns))
        if all(isinstance(row[index], int | float | None) for row in rows)
    }


def _text(cell: Any) -> str:
    """Return the cell in one line; escape control characters, because clients write some of the text."""
    text = "-" if cell is None else str(cell)
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[ShowProgress]:
    """Give a function that shows progress: a live bar on a terminal, else lines."""
    if quiet:
        yield _show_nothing
    elif _draws_with_rich():
        with _rich_progress() as show:
            yield show
    else:
        yield _plain_progress()


def _show_nothing(done: int, total: int, text: str) -> None:
    """Show nothing: programs read only the result."""


def _plain_progress() -> ShowProgress:
    shown = ""

    def show(done: int, total: int, text: str) -> None:
        nonlocal shown
        del done, total
        if text != shown:
            click.echo(text)
            shown = text

    return show


@contextmanager
def _rich_progress() -> Iterator[ShowProgress]:
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, transient=True) as bars:
        bar = bars.add_task("", total=None)

        def show(done: int, total: int, text: str) -> None:
            bars.update(bar, completed=done, total=total, description=text)

        yield show


@contextmanager
def transfer(text: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give a function that takes the numbers of transferred and of all bytes, and shows a bar on a terminal."""
    if quiet or not _draws_with_rich():
        yield lambda _done, _total: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    text_column = TextColumn("{task.description}", markup=False)
    columns = (text_column, BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, transient=True) as bars:
        bar = bars.add_task(text, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total or None)


@contextmanager
def working(text: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """Show a moving bar during work of unknown length.

    Yields a function that shows a message: next to the bar, or without a bar as a line on stderr.
    """
    if quiet or not _draws_with_rich():
        yield lambda said: click.echo(said, err=True)
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bars:
        bar = bars.add_task(text, total=None)
        yield lambda said: bars.update(bar, description=said)


def _draws_with_rich() -> bool:
    return sys.stdout.isatty() and find_spec("rich") is not None


def columns_of(records: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[list[Any]]:
    """Return the named fields of each record as rows for `show_table`; a dot leads into an object.

    Nested values are shown as JSON.
    """
    return [[_field(record, name) for name in names] for record in records]


def _field(record: Mapping[str, Any], name: str) -> Any:
    value: Any = record
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return json.dumps(value) if isinstance(value, Mapping | list) else value
