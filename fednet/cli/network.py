"""`fednet network`: the named networks of a user, and the status of the one in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import with_http
from fednet.cli._output import (
    columns_of,
    json_option,
    show_answer,
    show_json,
    show_record,
    show_table,
)

if TYPE_CHECKING:
    from fednet.http import Http

FILE = click.Path(path_type=Path, dir_okay=False, resolve_path=True)
COLUMNS = ("name", "api_url", "in_use")


@click.group()
def network() -> None:
    """Name networks, choose the one to use, and show its status."""


def _complete_name(_: click.Context, __: click.Parameter, begin: str) -> list[str]:
    from fednet.identity import read_named_networks

    names = [each.name for each in read_named_networks().networks]
    return [name for name in names if name.startswith(begin)]


@network.command()
@click.argument("name")
@click.option(
    "--url",
    required=True,
    help="Its controller's REST address, or those of several, separated by commas.",
)
@click.option(
    "--token", help="Your token there; by default FEDNET_TOKEN, which no list of processes shows."
)
@click.option(
    "--ca", type=FILE, help="A file with the authorities (PEM) whose servers are trusted there."
)
@click.option(
    "--certificate", type=FILE, help="A file with your own certificate (PEM), if it asks for one."
)
@click.option("--certificate-key", type=FILE, help="A file with the key of --certificate.")
@json_option
def add(
    *,
    name: str,
    url: str,
    token: str | None,
    ca: Path | None,
    certificate: Path | None,
    certificate_key: Path | None,
    as_json: bool,
) -> None:
    """Give a network a name; `fednet network use` then chooses it."""
    from fednet.addresses import split_addresses
    from fednet.environment import token_from_environment
    from fednet.errors import InvalidInput
    from fednet.identity import NamedNetwork, read_named_networks, write_named_networks
    from fednet.tls import CallerTLS

    url = ",".join(split_addresses(url, "url"))
    token = token or token_from_environment()
    if not token:
        raise InvalidInput(
            "A network needs a token: give --token or set FEDNET_TOKEN.", field="token"
        )
    tls = CallerTLS(ca, certificate, certificate_key)
    tls.check()
    write_named_networks(read_named_networks().added(NamedNetwork(name, url, token, tls)))
    show_answer({"name": name, "api_url": url}, f"Added the network {name}.", as_json=as_json)


@network.command()
@click.argument("name", shell_complete=_complete_name)
@json_option
def remove(*, name: str, as_json: bool) -> None:
    """Forget a network."""
    from fednet.identity import read_named_networks, write_named_networks

    write_named_networks(read_named_networks().removed(name))
    show_answer({"name": name}, f"Removed the network {name}.", as_json=as_json)


@network.command()
@click.argument("name", required=False, shell_complete=_complete_name)
@json_option
def use(*, name: str | None, as_json: bool) -> None:
    """Choose the network for commands; without a name, the controller of this machine.

    Flags, and FEDNET_URL with FEDNET_TOKEN, override it.
    """
    from fednet.identity import read_named_networks, write_named_networks

    write_named_networks(read_named_networks().used(name))
    spoken_to = f"the network {name}" if name else "the controller of this machine"
    show_answer({"in_use": name}, f"Commands now use {spoken_to}.", as_json=as_json)


@network.command("list")
@json_option
def list_networks(*, as_json: bool) -> None:
    """List your named networks; tokens are not shown."""
    from fednet.identity import read_named_networks

    named = read_named_networks()
    rows: list[dict[str, Any]] = [
        {"name": each.name, "api_url": each.api_url, "in_use": each.name == named.in_use}
        for each in named.networks
    ]
    if as_json:
        show_json({"count": len(rows), "result": rows})
    else:
        show_table(COLUMNS, columns_of(rows, COLUMNS))


@network.command()
@json_option
@with_http
def status(http: Http, *, as_json: bool) -> None:
    """Show the status of a network: its readiness, its members and its running sessions.

    The exit code is 5 if the network or its stores do not answer.
    """
    found = {
        "api_url": http.api_url,
        "health": http.call("GET", "/health")["status"],
        "combiners": _count(http, "combiners"),
        "clients": _count(http, "clients"),
        "clients_online": _count(http, "clients", status="online"),
        "sessions": _count(http, "sessions"),
        "sessions_running": _count(http, "sessions", status="STARTED"),
    }
    if as_json:
        show_json(found)
    else:
        show_record(found)


def _count(http: Http, resource: str, **filters: str) -> int:
    return int(http.call("GET", f"/api/v1/{resource}/count", query=filters))
