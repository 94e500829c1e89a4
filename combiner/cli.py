"""`fednet combiner`: run a combiner on this machine, and look up which there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli.ca_flag import ca_flag
from fednet.cli.resource import add_list_and_get
from fednet.cli.server import server_command
from fednet.settings import CombinerSettings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path


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
    "--address",
    help="Where it listens, HOST:PORT; by default that of the settings in the environment, which must show the "
    "certificate of the settings, under whatever name.",
)
@click.option(
    "--tls", is_flag=True, help="It speaks TLS; by default if the environment names a certificate."
)
@ca_flag
def health(address: str | None, *, tls: bool, ca: Path | None) -> None:
    """Exit with 0 if a combiner serves, for supervisors of its process; no token is needed."""
    from fednet.addresses import join_address, loopback_of
    from fednet.settings import load

    from .facades.wire.health import check_health

    unused = {"name": "health", "api_url": "http://127.0.0.1"}  # settings that must be given
    settings = load(CombinerSettings, flags={"ca": ca, **unused})
    here = join_address(loopback_of(settings.host), settings.port)
    own = settings.server_tls
    certificate = own.certificate if own and not address else None
    check_health(address or here, settings.caller_tls if tls or own else None, certificate)
    click.echo("The combiner serves.")
