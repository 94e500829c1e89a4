"""`fednet up`: a network on this machine while the command runs."""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from fednet import limits
from fednet.addresses import bare_host, is_wildcard, join_address
from fednet.cli._network import (
    Controllers,
    NetworkPlan,
    ready_controllers,
    start_combiners,
    start_controllers,
)
from fednet.cli._output import json_option, show_json
from fednet.cli._signals import interrupt_on_signals
from fednet.cli._supervisor import Supervisor
from fednet.environment import default_data_dir
from fednet.errors import FailedPrecondition, InvalidInput
from fednet.files import write_whole
from fednet.identity import replace_private_file
from fednet.own_address import advertised_host
from fednet.processes import FolderLock
from fednet.settings import check_xaynet
from fednet.tls import CallerTLS, check_exposure

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT_MAX = 65535
PORT = click.IntRange(0, PORT_MAX)
FILE = click.Path(path_type=Path, dir_okay=False, resolve_path=True)


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="The address to listen on; 0.0.0.0 or :: for all addresses of this machine.",
)
@click.option(
    "--advertise-host",
    metavar="TEXT",
    help="The host by which other machines reach this one; by default --host, or this machine's address if that means "
    "all addresses.",
)
@click.option(
    "--port",
    type=PORT,
    default=8092,
    show_default=True,
    help="The first controller's REST port, the others follow; 0 picks free ones.",
)
@click.option(
    "--controllers",
    type=click.IntRange(1, limits.addresses_max),
    default=1,
    show_default=True,
    help="The number of controllers, which share the stores.",
)
@click.option(
    "--combiner-port",
    type=PORT,
    default=12080,
    show_default=True,
    help="The first combiner's port, the others follow; 0 picks free ones.",
)
@click.option(
    "--combiners",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many combiners.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of all data of the network; by default the user's data folder.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file for addresses, token and process ids as JSON (mode 0600), written when all are ready.",
)
@click.option("--state-store", metavar="URL", help="The state store; by default SQLite.")
@click.option("--state-store-file", type=FILE, help="A file with the value of --state-store.")
@click.option("--blob-store", metavar="URL", help="The blob store; by default a folder.")
@click.option("--blob-store-file", type=FILE, help="A file with the value of --blob-store.")
@click.option(
    "--xaynet-port",
    type=PORT,
    help="The first controller's port for participants of Xaynet, the others follow; 0 picks free ones.",
)
@click.option(
    "--xaynet-config",
    type=FILE,
    help="The configuration of Xaynet's rounds: sections pet, mask and model of Xaynet's own file (TOML).",
)
@click.option(
    "--tls",
    is_flag=True,
    help="Speak TLS, with certificates that the command makes in the data folder.",
)
@click.option(
    "--ca",
    type=FILE,
    help="A file with the authorities (PEM) that the servers trust, for an S3 store: with --tls beside the network's "
    "own, else in place of the public ones.",
)
@click.option(
    "--insecure", is_flag=True, help="Listen in clear text on other addresses than loopback."
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="As --insecure, because a proxy before this machine speaks TLS.",
)
@json_option
def up(
    *, ready_file: Path | None, as_json: bool, data_dir: Path | None, tls: bool, **options: Any
) -> None:
    """Start a network on this machine and leave it running.

    Controllers and combiners run until Ctrl-C; a dead one is started again. With the default data folder,
    `fednet` and `APIClient()` on this machine find them by themselves, also with --tls.
    """
    plan = NetworkPlan(data_dir=(data_dir or default_data_dir()).absolute(), **options)
    _check_hosts(plan, tls=tls)
    CallerTLS(plan.ca).check()
    _check_ports("port", plan.port, plan.controllers)
    _check_ports("combiner_port", plan.combiner_port, plan.combiners)
    _check_xaynet(plan)
    interrupted = interrupt_on_signals()
    with (
        suppress(KeyboardInterrupt),  # the regular end
        FolderLock(plan.data_dir, "network"),
        _announced_in(ready_file) as announce,
        Supervisor(plan.data_dir / "logs", interrupted) as processes,
    ):
        plan = _with_certificates(plan) if tls else plan
        controllers, combiners = _start(processes, plan)

        def tell() -> dict[str, Any]:
            controllers.leave_word(plan)
            ready = _ready(plan, controllers, combiners, processes.pids)
            announce(ready)
            return ready

        _show(tell(), plan, as_json=as_json)
        processes.wait(on_return=tell)


def _check_hosts(plan: NetworkPlan, *, tls: bool) -> None:
    host = bare_host(plan.host)
    check_exposure(host, has_tls=tls, insecure=plan.insecure, behind_proxy=plan.behind_proxy)
    if plan.advertise_host and is_wildcard(bare_host(plan.advertise_host, "advertise_host")):
        raise InvalidInput(
            f"Nobody reaches this machine at {plan.advertise_host!r}: give its name or its address.",
            field="advertise_host",
        )


def _check_ports(field: str, first: int, count: int) -> None:
    last = first + count - 1
    if last > PORT_MAX:
        raise InvalidInput(
            f"The last port would be {last}: choose a lower --{field.replace('_', '-')}.",
            field=field,
        )


def _check_xaynet(plan: NetworkPlan) -> None:
    check_xaynet(plan.xaynet_port, plan.xaynet_config)
    _check_ports("xaynet_port", plan.xaynet_port or 0, plan.controllers)


def _with_certificates(plan: NetworkPlan) -> NetworkPlan:
    """Make the certificates of the network, or make them anew, for all names by which others reach it."""
    from fednet.certificates import make_certificates

    hosts = (plan.host, advertised_host(plan.host, plan.advertise_host))
    named = [host for host in hosts if not is_wildcard(host)]
    made = make_certificates(plan.data_dir / "certificates", named)
    return replace(plan, certificates=made, ca=_authorities(made.ca, plan.ca))


def _authorities(own: Path, others: Path | None) -> Path:
    """Return a file with the network's authority and the others that its servers trust."""
    if others is None:
        return own
    both = own.with_name("authorities.pem")
    try:
        write_whole(both, own.read_bytes() + others.read_bytes())
    except OSError as error:
        raise FailedPrecondition(f"Cannot write {both}: {error.strerror}.", field="ca") from error
    return both


def _start(processes: Supervisor, plan: NetworkPlan) -> tuple[Controllers, list[dict[str, Any]]]:
    """Start the network, and return the controllers and the announcements of the combiners."""
    starting = start_controllers(processes, plan)
    combiners = start_combiners(processes, plan)
    controllers = ready_controllers(processes, starting)
    for combiner in combiners:
        controllers.introduce_to(combiner)
    return controllers, [processes.ready(combiner) for combiner in combiners]


def _ready(
    plan: NetworkPlan,
    controllers: Controllers,
    combiners: list[dict[str, Any]],
    pids: dict[str, int],
) -> dict[str, Any]:
    """Return the content of the ready file."""
    return {
        **({"ca": str(plan.certificates.ca)} if plan.certificates else {}),
        "api_url": controllers.api_urls[0],
        "api_urls": list(controllers.api_urls),
        "token": controllers.token,
        **({"xaynet_urls": list(controllers.xaynet_urls)} if controllers.xaynet_urls else {}),
        "combiners": combiners,
        "pids": pids,
    }


def _show(ready: dict[str, Any], plan: NetworkPlan, *, as_json: bool) -> None:
    if as_json:
        show_json(ready)
        return
    for url in ready["api_urls"]:
        click.echo(f"REST API    {url}{_elsewhere(url, plan)}")
    for url in ready.get("xaynet_urls", ()):
        click.echo(f"Xaynet      {url}{_elsewhere(url, plan)}")
    for combiner in ready["combiners"]:
        click.echo(f"{combiner['name']}  {combiner['address']}")
    click.echo(f"data, logs  {plan.data_dir}")
    if plan.certificates:
        click.echo(f"authority   {plan.certificates.ca}  (--ca for callers on other machines)")
    click.echo("Ctrl-C stops it.")


def _elsewhere(url: str, plan: NetworkPlan) -> str:
    """Return the end of a line with the URL for other machines; "" if it is the same."""
    parts = urlsplit(url)
    port = parts.port or 0
    for_others = (
        f"{parts.scheme}://{join_address(advertised_host(plan.host, plan.advertise_host), port)}"
    )
    return "" if for_others == url else f"  (from other machines: {for_others})"


@contextmanager
def _announced_in(ready_file: Path | None) -> Iterator[Any]:
    """Give a function that writes the ready file, which is deleted with the network."""

    def announce(ready: dict[str, Any]) -> None:
        if ready_file:
            _write(ready_file, json.dumps(ready) + "\n")

    _remove(ready_file)
    try:
        yield announce
    finally:
        _remove(ready_file)


def _remove(ready_file: Path | None) -> None:
    if ready_file:
        with suppress(
            OSError
        ):  # a file that cannot be deleted cannot be written, which is reported
            ready_file.unlink()


def _write(ready_file: Path, text: str) -> None:
    try:
        replace_private_file(ready_file, text)
    except FailedPrecondition as error:
        raise FailedPrecondition(
            f"Cannot write the ready file {ready_file}: choose another --ready-file, or give this user "
            "the right to write there.",
            field="ready_file",
        ) from error
