"""`fednet combiner`: run a combiner on this machine, and look up which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli.resource import add_list_and_get
from fednet.cli.server import server_command
from fednet.settings import CombinerSettings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable


@click.group()
def combiner() -> None:
    """Hand tasks to clients and fold their updates."""


add_list_and_get(combiner, "combiners")


@combiner.command()
@server_command(CombinerSettings, "fednet.combiner.server")
def start(
    settings: CombinerSettings, on_ready: Callable[[dict[str, Any]], None], stop: threading.Event
) -> None:
    """Start a combiner and serve until Ctrl-C.

    Each flag can also stand in the environment, as FEDNET_COMBINER_PORT for --port, or in the
    file of --config, in its section `combiner:`.
    """
    from .server import serve

    serve(settings, on_ready, stop)


@combiner.command()
@click.option(
    "--address", default="127.0.0.1:12080", show_default=True, help="Where it listens, HOST:PORT."
)
def health(address: str) -> None:
    """Exit with 0 if a combiner serves, for supervisors of its process; no token is needed."""
    from .facades.wire.health import check_health

    check_health(address)
    click.echo("The combiner serves.")
