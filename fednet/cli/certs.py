"""`fednet certs`: certificates for a trial network."""

from __future__ import annotations

from pathlib import Path

import click

from fednet import limits
from fednet.cli._output import json_option, show_answer


@click.group()
def certs() -> None:
    """Make certificates for the TLS of a trial network."""


@certs.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    required=True,
    help="The folder for all files.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    required=True,
    help="A name or an IP address by which servers are reached; may be given several times.",
)
@click.option(
    "--client", "clients", multiple=True, help="A client that gets a certificate; several times."
)
@click.option(
    "--days",
    type=click.IntRange(1, limits.certificate_days_max),
    default=limits.certificate_days,
    show_default=True,
    help="How long the certificates are valid.",
)
@json_option
def create(
    *, out: Path, hosts: tuple[str, ...], clients: tuple[str, ...], days: int, as_json: bool
) -> None:
    """Make an authority, and certificates for servers and clients that it signs.

    ca.pem is for everybody, as --ca. server.pem and server.key are for controllers and combiners, as
    --tls-certificate and --tls-key. The command renews certificates if it runs again, with the same authority and
    the same keys; servers take the new ones without a restart. Keep ca.key where no server can read it.
    """
    from fednet.certificates import make_certificates

    made = make_certificates(out, hosts, clients, days)
    answer = {
        "ca": str(made.ca),
        "certificate": str(made.certificate),
        "key": str(made.key),
        "clients": {name: str(out / f"client-{name}.pem") for name in clients},
    }
    told = f"Certificates for {', '.join(hosts)} are in {out}, valid for {days} days; callers need --ca {made.ca}."
    show_answer(answer, told, as_json=as_json)
