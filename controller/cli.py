"""`fednet controller`: run a controller on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli.server import server_command
from fednet.settings import ControllerSettings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


@click.group()
def controller() -> None:
    """Steer a network: sessions, models, packages and the REST API."""


@controller.command()
@server_command(ControllerSettings, "fednet.controller.server")
def start(
    settings: ControllerSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Start a controller and serve until Ctrl-C.

    Each flag can also stand in the environment, as FEDNET_CONTROLLER_PORT for --port, or in the
    file of --config, in its section `controller:`.
    """
    from .server import serve

    serve(settings, on_ready, stop)
