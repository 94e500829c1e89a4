"""`fednet controller`: run a controller on this machine, and copy what it keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli.ca_flag import ca_flag
from fednet.cli.copying import copying_command, stores_command
from fednet.cli.server import server_command
from fednet.settings import ControllerSettings

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from fednet.storage import BackupContents

    ShowProgress = Callable[[int, int, str], None]

STORES = ("data_dir", "state_store", "blob_store", "blob_store_key", "blob_store_secret")


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


@controller.command()
@copying_command(ControllerSettings, STORES)
def backup(settings: ControllerSettings, file: Path, show: ShowProgress) -> BackupContents:
    """Write all state and all blobs to FILE, also while the controller runs.

    FILE gets its name when it is whole, and can be restored into stores of any kind. It holds the
    network's signing key: whoever can read FILE can make any token.
    """
    from .backup import back_up

    return back_up(settings, file, show)


@controller.command()
@click.option("--add", is_flag=True, help="Also into stores that hold something already.")
@copying_command(ControllerSettings, STORES)
def restore(
    settings: ControllerSettings, file: Path, show: ShowProgress, *, add: bool
) -> BackupContents:
    """Write what FILE holds into empty stores, while no controller uses them.

    All of FILE is checked before anything is written. A restore that broke off is completed with
    --add: documents that are there stay as they are.
    """
    from .backup import restore as restore_from

    return restore_from(settings, file, show, add=add)


@controller.command(name="adopt-blobs")
@stores_command(ControllerSettings, STORES)
def adopt_blobs(settings: ControllerSettings) -> None:
    """Say that a blob store belongs to a state store, after the controller has warned that it does not.

    From then on the controller deletes the files in the blob store that the state store does not name. No other
    network may use the blob store.
    """
    from .backup import open_stores
    from .records import Records
    from .store_mark import adopt_blobs as adopt

    with open_stores(settings) as (documents, blobs):
        adopt(Records(documents), blobs)
    click.echo("The state store has adopted the blob store.")


@controller.command()
@click.option(
    "--url",
    help="Its REST address; by default that of the settings in the environment, whose certificate is not checked.",
)
@ca_flag
def health(url: str | None, ca: Path | None) -> None:
    """Exit with 0 if a controller's stores answer, for those who watch over its process; no token is needed."""
    import warnings
    from contextlib import closing

    from urllib3.exceptions import InsecureRequestWarning

    from fednet.addresses import local_url
    from fednet.http import Http
    from fednet.settings import load

    settings = load(ControllerSettings, flags={"ca": ca})
    here = local_url(settings.host, settings.port, tls=settings.server_tls is not None)
    # The certificate has the name by which others call it, and no secret is sent.
    http = Http(url or here, None, verify=bool(url), tls=settings.caller_tls)
    with closing(http), warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        http.call("GET", "/health")
    click.echo("The controller's stores answer.")
