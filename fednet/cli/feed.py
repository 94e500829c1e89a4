"""`fednet feed`: everything that happens in a network, while it happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import with_api
from fednet.cli._output import json_option, show_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fednet.api_client import APIClient


@click.command()
@click.option(
    "--after",
    type=click.IntRange(min=0),
    help="Begin after this number; by default with the next entry.",
)
@click.option("--kind", "kinds", multiple=True, help="Only entries of this kind; may be repeated.")
@click.option("--session-id", help="Only entries about this session.")
@click.option("--once", is_flag=True, help="Show the existing entries, and end.")
@json_option
@with_api
def feed(
    api: APIClient,
    *,
    after: int | None,
    kinds: tuple[str, ...],
    session_id: str | None,
    once: bool,
    as_json: bool,
) -> None:
    """Show what happens in a network, a line for each entry, until you interrupt it.

    A line `gap` replaces older entries that are no longer kept.
    """
    show = show_json if as_json else _show_line
    if once:
        for entry in _entries_so_far(api, after or 0, kinds, session_id):
            show(entry)
        return
    for entry in api.watch_feed(after, kinds=kinds, session_id=session_id):
        show(entry)


def _entries_so_far(
    api: APIClient, after: int, kinds: tuple[str, ...], session_id: str | None
) -> Iterator[dict[str, Any]]:
    while True:
        page = api.get_feed(after, kinds=kinds, session_id=session_id)
        yield from page["entries"]
        after = page["next"]
        if after >= page["head"]:
            return


def _show_line(entry: dict[str, Any]) -> None:
    ids = " ".join(f"{name}={value}" for name, value in entry["ids"].items())
    click.echo(f"{entry['number']:>8}  {entry.get('at', '-'):<27}  {entry['kind']:<16}  {ids}")
