"""The connection of a command to a network: the flags, and the check of answers."""

from __future__ import annotations

import functools
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[..., None]


def with_api(function: Command) -> Command:
    """Give a command `--url` and `--token`, and that network's APIClient as first argument."""

    @network_flags
    @functools.wraps(function)
    def command(*, url: str | None, token: str | None, **arguments: Any) -> None:
        from fednet.api_client import APIClient

        with APIClient(url, token=token, verify=True) as api:
            function(api, **arguments)

    return command


def with_http(function: Command) -> Command:
    """Give a command `--url` and `--token`, and that network's REST API as first argument."""

    @network_flags
    @functools.wraps(function)
    def command(*, url: str | None, token: str | None, **arguments: Any) -> None:
        from fednet.http import Http
        from fednet.identity import find_network

        with closing(Http(*find_network(url, token))) as http:
            function(http, **arguments)

    return command


def network_flags(function: Command) -> Command:
    """Give a command `--url` and `--token`."""
    otherwise = "else the network in use, else this machine's."
    addresses = "The REST address, or those of several controllers, separated by commas"
    for flag, what in (
        ("--token", f"A token; by default FEDNET_TOKEN, {otherwise}"),
        ("--url", f"{addresses}; by default FEDNET_URL, {otherwise}"),
    ):
        function = click.option(flag, help=what)(function)
    return function
