"""`fednet audit`: who has changed what, and whether the log of it is whole."""

from __future__ import annotations

import json
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Any, TextIO

import click

from fednet.cli._connection import http_of, network_flags, with_http
from fednet.cli._output import columns_of, json_option, show_answer, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fednet.http import Http

COLUMNS = ("number", "at", "who.name", "what", "on.kind", "on.id", "address", "outcome", "count")
LIMIT_DEFAULT = 100
LIMIT_MAX = 10_000


@click.group()
def audit() -> None:
    """Look up who has changed what, and check that the audit log is whole."""


@audit.command("list")
@click.option("--who", help="Only entries of the principal with this name or id.")
@click.option("--what", help="Only entries of this permission, or of routes with this text.")
@click.option("--since", help="Only entries from this time on, such as 2026-11-29T12:00.")
@click.option(
    "--limit",
    type=click.IntRange(1, LIMIT_MAX),
    default=LIMIT_DEFAULT,
    show_default=True,
    help="How many at the most, counted from the newest.",
)
@json_option
@with_http
def list_entries(
    http: Http,
    *,
    who: str | None,
    what: str | None,
    since: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List entries of the audit log, the newest last."""
    filters = {"who": who, "what": what, "since": since}
    is_filtered = any(value is not None for value in filters.values())
    begin = 0 if is_filtered else max(0, _head(http)["number"] - limit)
    found = list(deque(_entries(http, begin, **filters), maxlen=limit))
    if as_json:
        show_json({"count": len(found), "result": found})
    else:
        show_table(COLUMNS, columns_of(found, COLUMNS))


@audit.command()
@click.option(
    "-o",
    "--output",
    type=click.File("w", encoding="utf-8", lazy=True),
    default="-",
    help="The file to write; by default stdout.",
)
@with_http
def export(http: Http, *, output: TextIO) -> None:
    """Write the whole audit log as lines of JSON, which `fednet audit verify FILE` can check."""
    output.writelines(json.dumps(entry, sort_keys=True) + "\n" for entry in _entries(http, 0))


@audit.command()
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@click.option("--head", help="A head that an earlier check has shown: NUMBER:HASH.")
@json_option
@network_flags
def verify(
    *,
    file: TextIO | None,
    head: str | None,
    url: str | None,
    token: str | None,
    ca: Path | None,
    as_json: bool,
) -> None:
    """Check that no entry was removed, changed or moved, in the network or in an exported FILE.

    Keep the head that this shows, away from the network: with --head, a later check also finds that
    the newest entries were removed, or that the whole log was replaced. The exit code is 6 if
    something is wrong.
    """
    from fednet.audit import AuditHead, verified_audit

    kept = AuditHead.from_text(head) if head else None
    lines = _lines(file) if file else _entries_of_network(url, token, ca)
    found = verified_audit(lines, kept)
    answer = {"entries": found.entries, "first": found.first, "head": str(found.head)}
    pruned = f", from number {found.first} on; retention has deleted the older ones"
    since = pruned if found.first > 1 else ""
    told = f"The audit log is whole: {found.entries} entries{since}. Keep its head: {found.head}"
    show_answer(answer, told, as_json=as_json)


def _entries(http: Http, after: int, **filters: str | None) -> Iterator[dict[str, Any]]:
    """Yield the entries after a number."""
    while True:
        page = http.call("GET", "/api/v1/audit", query={"after": after, **filters})
        yield from page["entries"]
        after = page["next"]
        if after >= page["head"]["number"]:
            return


def _entries_of_network(
    url: str | None, token: str | None, ca: Path | None
) -> Iterator[dict[str, Any]]:
    """Yield all entries of a network."""
    with closing(http_of(url, token, ca)) as http:
        yield from _entries(http, 0)


def _head(http: Http) -> dict[str, Any]:
    page = http.call("GET", "/api/v1/audit", query={"after": 0, "limit": 1})
    head: dict[str, Any] = page["head"]
    return head


def _lines(file: TextIO) -> Iterator[dict[str, Any]]:
    """Yield the entries of an exported file.

    Raises:
        InvalidInput: A line is no entry; names it.
    """
    from fednet.errors import InvalidInput

    for number, line in enumerate(file, 1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise InvalidInput(f"Line {number} is not JSON.", field="file") from error
        if not isinstance(entry, dict):
            raise InvalidInput(f"Line {number} is not an entry of an audit log.", field="file")
        yield entry
