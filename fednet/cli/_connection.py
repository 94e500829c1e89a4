"""The connection of a command to a network: the flags, and the check of answers."""

from __future__ import annotations

import functools
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from fednet.cli.ca_flag import ca_flag

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fednet.http import Http

    Command = Callable[..., None]


def with_api(function: Command) -> Command:
    """Give a command `--url`, `--token` and `--ca`, and that network's APIClient as first argument."""

    @network_flags
    @functools.wraps(function)
    def command(*, url: str | None, token: str | None, ca: Path | None, **arguments: Any) -> None:
        from fednet.api_client import APIClient

        with APIClient(url, token=token, ca=ca) as api:
            function(api, **arguments)

    return command


def with_http(function: Command) -> Command:
    """Give a command `--url`, `--token` and `--ca`, and that network's REST API as first argument."""

    @network_flags
    @functools.wraps(function)
    def command(*, url: str | None, token: str | None, ca: Path | None, **arguments: Any) -> None:
        with closing(http_of(url, token, ca)) as http:
            function(http, **arguments)

    return command


def http_of(url: str | None, token: str | None, ca: Path | None) -> Http:
    """Return the REST API of the network that the flags name, or else of the one in use."""
    from fednet.http import Http
    from fednet.identity import find_network, find_tls
    from fednet.tls import CallerTLS

    api_url, known_token = find_network(url, token)
    tls = find_tls(api_url, CallerTLS(ca))
    tls.check()
    return Http(api_url, known_token, tls=tls)


def network_flags(function: Command) -> Command:
    """Give a command `--url`, `--token` and `--ca`."""
    otherwise = "else the network in use, else this machine's."
    addresses = "The REST address, or those of several controllers, separated by commas"
    for flag, what in (
        ("--token", f"A token; by default FEDNET_TOKEN, {otherwise}"),
        ("--url", f"{addresses}; by default FEDNET_URL, {otherwise}"),
    ):
        function = click.option(flag, help=what)(function)
    return ca_flag(function)
