"""`list` and `get`, which every kind of object has: made from one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from fednet import limits
from fednet.cli._connection import with_http
from fednet.cli._output import columns_of, json_option, show_json, show_record, show_table

if TYPE_CHECKING:
    from fednet.http import Http

LIMIT_DEFAULT = 100


@dataclass(frozen=True)
class Resource:
    """One kind of object.

    Attributes:
        name: What its routes are called.
        key: How one of them is named on the command line.
        columns: The fields that a list shows to people; a dot leads into an object.
        filters: The fields that a list can be filtered by.
    """

    name: str
    key: str
    columns: tuple[str, ...]
    filters: tuple[str, ...]


RESOURCES = (
    Resource(
        "clients",
        key="ID or name",
        columns=("name", "status", "combiner", "ip", "updated_at", "id"),
        filters=("name", "combiner", "preferred_combiner", "ip", "status", "updated_at"),
    ),
    Resource(
        "combiners",
        key="ID or name",
        columns=("name", "address", "port", "ip", "updated_at", "id"),
        filters=("name", "address", "ip"),
    ),
    Resource(
        "models",
        key="ID, or `active`",
        columns=("id", "parent_id", "session_id", "size_bytes", "committed_at"),
        filters=("id", "parent_id", "session_id"),
    ),
    Resource(
        "packages",
        key="ID, or `active`",
        columns=("id", "name", "active", "helper", "size_bytes", "committed_at"),
        filters=("name", "helper"),
    ),
    Resource(
        "predictions",
        key="ID",
        columns=("timestamp", "prediction_id", "model_id", "client.name", "result", "id"),
        filters=("model_id", "prediction_id", "client.id", "client.name", "combiner"),
    ),
    Resource(
        "rounds",
        key="ID",
        columns=("round_id", "session_id", "number", "status", "updates", "examples", "model_id"),
        filters=("round_id", "session_id", "status"),
    ),
    Resource(
        "sessions",
        key="ID",
        columns=("session_id", "name", "status", "round_number", "rounds_total", "reason"),
        filters=("session_id", "name", "status"),
    ),
    Resource(
        "statuses",
        key="ID",
        columns=("timestamp", "log_level", "type", "source.name", "session_id", "message", "id"),
        filters=("type", "log_level", "session_id", "task_id", "source.kind", "source.name"),
    ),
    Resource(
        "users",
        key="ID or name",
        columns=("name", "role", "is_disabled", "created_at", "created_by.name", "id"),
        filters=("name", "role"),
    ),
    Resource(
        "validations",
        key="ID",
        columns=("timestamp", "session_id", "model_id", "client.name", "metrics", "id"),
        filters=("session_id", "model_id", "task_id", "client.id", "client.name", "combiner"),
    ),
)


def add_list_and_get(group: click.Group, name: str) -> None:
    """Give a group the commands `list` and `get` of the resource of this name."""
    resource = next(each for each in RESOURCES if each.name == name)
    group.add_command(_list_command(resource))
    group.add_command(_get_command(resource))


def _list_command(resource: Resource) -> click.Command:
    @json_option
    @with_http
    def show_list(
        http: Http, *, limit: int, skip: int, as_json: bool, **wanted: str | None
    ) -> None:
        answer = http.call(
            "GET",
            f"/api/v1/{resource.name}/",
            query={field: wanted[_parameter(field)] for field in resource.filters},
            headers={"X-Limit": str(limit), "X-Skip": str(skip)},
        )
        if as_json:
            show_json(answer)
        else:
            _show_page(resource.columns, answer)

    command = click.command("list", help=f"List {resource.name}, the newest first.")(show_list)
    command.params[:0] = [*map(_filter_flag, resource.filters), *_page_flags()]
    return command


def add_sublist(
    group: click.Group,
    name: str,
    part: str,
    *,
    columns: tuple[str, ...],
    filters: tuple[str, ...],
    help_: str,
) -> None:
    """Give a group a command that lists the parts of one object.

    Args:
        group: The group.
        name: The name of the object's resource.
        part: The name of the parts, of their route and of the command.
        columns: The fields that are shown.
        filters: The fields that the list can be filtered by.
        help_: The command's help.
    """

    @click.argument("key", metavar="ID")
    @json_option
    @with_http
    def show_parts(
        http: Http, *, key: str, limit: int, skip: int, as_json: bool, **wanted: str | None
    ) -> None:
        answer = http.call(
            "GET",
            f"/api/v1/{name}/{quote(key, safe='')}/{part}/",
            query={field: wanted[_parameter(field)] for field in filters},
            headers={"X-Limit": str(limit), "X-Skip": str(skip)},
        )
        if as_json:
            show_json(answer)
        else:
            _show_page(columns, answer)

    command = click.command(part, help=help_)(show_parts)
    command.params[1:1] = [*map(_filter_flag, filters), *_page_flags()]
    group.add_command(command)


def _show_page(columns: tuple[str, ...], answer: dict[str, Any]) -> None:
    shown = answer["result"]
    show_table(columns, columns_of(shown, columns))
    if len(shown) < answer["count"]:
        click.echo(f"{len(shown)} of {answer['count']}; --limit and --skip show others.", err=True)


def _get_command(resource: Resource) -> click.Command:
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


def _filter_flag(field: str) -> click.Option:
    flag = f"--{field.replace('.', '-').replace('_', '-')}"
    return click.Option([flag, _parameter(field)], help=f"Only those with this {field}.")


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
