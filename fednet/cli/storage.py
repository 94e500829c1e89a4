"""`fednet storage`: how much is stored, and the deletion of what is too much."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

from fednet.cli._connection import with_api
from fednet.cli._output import columns_of, json_option, show_json, show_table

if TYPE_CHECKING:
    from fednet.api_client import APIClient

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 24 * 3600.0}
_format_option = click.option(
    "--format",
    "form",
    type=click.Choice(("table", "json")),
    default="table",
    show_default=True,
    help="The form of the answer.",
)


class Age(click.ParamType):  # type: ignore[type-arg]  # click 8.1 has no parameter
    """An age such as 30d, 12h or 90 (seconds)."""

    name = "age"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the age in seconds."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)([smhd]?)", str(value))
        if not found:
            self.fail(f"{value!r} is no age: write 30d, 12h, 15m or 90s.", param, ctx)
        return float(found[1]) * _UNITS[found[2] or "s"]


@click.group()
def storage() -> None:
    """Look up how much a network stores, and delete what is too much."""


@storage.command()
@_format_option
@with_api
def usage(api: APIClient, *, form: str) -> None:
    """Show counts and bytes by kind, session and age, and what retention would delete."""
    found = api.get_storage_usage()
    surplus = api.clean_storage(dry_run=True)
    if form == "json":
        show_json({**found, "surplus": surplus})
        return
    rows = [{"kind": kind, **amount} for kind, amount in found["kinds"].items()]
    _show("kind", rows)
    _show("session_id", found["sessions"])
    _show("models", [{"models": age, **amount} for age, amount in _by_age(found)])
    click.echo(_in_words(surplus, "Retention would delete"))


@storage.command()
@click.option("--dry-run", is_flag=True, help="Delete nothing; show what would be deleted.")
@click.option(
    "--older-than",
    type=Age(),
    help="Delete what is older than this, such as 30d; it replaces the ages of the settings, except for that of the "
    "audit log.",
)
@json_option
@with_api
def clean(api: APIClient, *, dry_run: bool, older_than: float | None, as_json: bool) -> None:
    """Delete what the settings do not keep, and blobs that nothing refers to.

    The active model and its ancestors, pinned models and everything that a running session needs
    stay. A blob without a reference is deleted if it has had none for an hour, or for as long as
    --older-than says, if that is longer.
    """

    def tell(step: str, total: int) -> None:
        if not as_json:
            click.echo(f"{step}: {total} so far", err=True)

    found = api.clean_storage(dry_run=dry_run, older_than_seconds=older_than, on_progress=tell)
    if as_json:
        show_json(found)
    else:
        click.echo(_in_words(found, "Would delete" if dry_run else "Deleted"))


def _show(first: str, rows: list[dict[str, Any]]) -> None:
    columns = (first, "count", "size_bytes")
    show_table(columns, columns_of(rows, columns))


def _by_age(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    ages = {name: f"of the last {name}" for name in ("day", "week", "month", "year")}
    named = [(ages.get(name, name), amount) for name, amount in found["ages"].items()]
    return [*named, ("pinned", found["pinned"])]


def _in_words(found: dict[str, Any], verb: str) -> str:
    counts = [f"{count} {kind}" for kind, count in found["count"].items() if count]
    size_bytes = sum(found["size_bytes"].values())
    return f"{verb}: {', '.join(counts) or 'nothing'} ({size_bytes:,} bytes)."
