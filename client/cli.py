"""`fednet client`: run a client agent at this site, and list the clients of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli.client_approvals import approvals, approve, review, revoke
from fednet.cli.client_config import get_config
from fednet.cli.client_identity import identity
from fednet.cli.resource import add_list_and_get
from fednet.cli.server import server_command
from fednet.settings import ClientSettings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


@click.group()
def client() -> None:
    """Take part in a network with the data of this site."""


add_list_and_get(client, "clients")
client.add_command(get_config)
for command in (identity, review, approve, revoke, approvals):
    client.add_command(command)


@client.command()
@server_command(ClientSettings, "fednet.client.agent")
def start(
    settings: ClientSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Start an agent that works with the network's compute package, until Ctrl-C.

    Each flag can also stand in the environment, as FEDNET_CLIENT_NAME for --name, or in the
    file of --config, in its section `client:`.
    """
    from .agent import serve

    serve(settings, on_ready, stop)
