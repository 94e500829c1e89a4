"""`list` and `get`, which every resource has: made from its declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from fednet import limits
from fednet.cli._connection import with_http
from fednet.cli._output import columns_of, json_option, show_json, show_record, show_table
from fednet.contract import resource_named

if TYPE_CHECKING:
    from fednet.contract import ResourceDeclaration, ResourceFilter
    from fednet.http import Http

LIMIT_DEFAULT = 100


def add_list_and_get(group: click.Group, name: str) -> None:
    """Give a group the commands `list` and `get` of the resource of this name."""
    resource = resource_named(name)
    group.add_command(_list_command(resource))
    group.add_command(_get_command(resource))


def _list_command(resource: ResourceDeclaration) -> click.Command:
    @json_option
    @with_http
    def show_list(http: Http, *, as_json: bool, **asked: Any) -> None:
        _show_page(resource, _page(http, resource.name, resource, asked), as_json=as_json)

    command = click.command("list", help=f"List {resource.meaning}, the newest first.")(show_list)
    command.params[:0] = [*map(_filter_flag, resource.filters), *_page_flags()]
    return command


def add_sublist(group: click.Group, name: str, part: str) -> None:
    """Give a group a command that lists the parts of one object.

    Args:
        group: The group.
        name: The name of the object's resource.
        part: The name of the parts' resource, of their route and of the command.
    """
    resource = resource_named(part)

    @click.argument("key", metavar="ID")
    @json_option
    @with_http
    def show_parts(http: Http, *, key: str, as_json: bool, **asked: Any) -> None:
        answer = _page(http, f"{name}/{quote(key, safe='')}/{part}", resource, asked)
        _show_page(resource, answer, as_json=as_json)

    command = click.command(part, help=f"List {resource.meaning} ID, the newest first.")(show_parts)
    command.params[1:1] = [*map(_filter_flag, resource.filters), *_page_flags()]
    group.add_command(command)


def _page(
    http: Http, route: str, resource: ResourceDeclaration, asked: dict[str, Any]
) -> dict[str, Any]:
    """Return the page of a list that a command asks for."""
    answer: dict[str, Any] = http.call(
        "GET",
        f"/api/v1/{route}/",
        query={path: asked[_parameter(path)] for path in resource.paths},
        headers={"X-Limit": str(asked["limit"]), "X-Skip": str(asked["skip"])},
    )
    return answer


def _show_page(resource: ResourceDeclaration, answer: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(answer)
        return
    shown = [_marked(each) for each in answer["result"]]
    show_table(resource.columns, columns_of(shown, resource.columns))
    if any(map(_has_traceback, shown)):
        click.echo(f"`fednet {resource.one} get ID` shows a traceback.", err=True)
    if len(shown) < answer["count"]:
        click.echo(f"{len(shown)} of {answer['count']}; --limit and --skip show others.", err=True)


def _marked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record for a table; its message says if there is a traceback."""
    if not _has_traceback(record):
        return record
    return {**record, "message": f"{record.get('message', '')} (with traceback)"}


def _has_traceback(record: dict[str, Any]) -> bool:
    details = record.get("details")
    return isinstance(details, dict) and bool(details.get("traceback"))


def _get_command(resource: ResourceDeclaration) -> click.Command:
    @click.argument("key", metavar="ID")
    @json_option
    @with_http
    def show_one(http: Http, *, key: str, as_json: bool) -> None:
        found = http.call("GET", f"/api/v1/{resource.name}/{quote(key, safe='')}")
        if as_json:
            show_json(found)
        else:
            show_record(found)

    what = f"Show one of the {resource.name} with all its fields, by its {resource.key}."
    return click.command("get", help=what)(show_one)


def _filter_flag(filter_: ResourceFilter) -> click.Option:
    flag = f"--{filter_.path.replace('.', '-').replace('_', '-')}"
    return click.Option([flag, _parameter(filter_.path)], help=f"Filter. {filter_.meaning}")


def _parameter(field: str) -> str:
    return field.replace(".", "_")


def _page_flags() -> list[click.Option]:
    most = limits.page_items_max
    return [
        click.Option(
            ["--limit"],
            type=click.IntRange(1, most),
            default=LIMIT_DEFAULT,
            show_default=True,
            help="How many at the most.",
        ),
        click.Option(
            ["--skip"],
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="How many of the newest to leave out.",
        ),
    ]
