"""`fednet login` and `fednet logout`: a token for a name and a password, kept for the commands that follow."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import with_http
from fednet.cli._output import json_option, show_answer
from fednet.cli.ca_flag import ca_flag
from fednet.cli.user import given_password, password_option

if TYPE_CHECKING:
    from pathlib import Path

    from fednet.http import Http

DAYS_MAX = 90
SECONDS_A_DAY = 24 * 3600


@click.command()
@click.argument("name")
@password_option
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=DAYS_MAX,
    show_default=True,
    help="How long the token is valid.",
)
@click.option(
    "--url",
    help="The REST address; by default FEDNET_URL, else the network in use, else this machine's.",
)
@ca_flag
@click.option("--network", help="Keep the token under this name, and use that network from now on.")
@json_option
def login(
    *,
    name: str,
    password_stdin: bool,
    days: int,
    url: str | None,
    ca: Path | None,
    network: str | None,
    as_json: bool,
) -> None:
    """Log in as a user; later commands use the token.

    The password is asked for and not shown. The token is kept for you alone, with the network
    that you have named, or, for the controller of this machine, in its network.json, until that
    controller starts again.
    """
    from fednet.http import Http
    from fednet.identity import address_to_log_in, find_tls, keep_token
    from fednet.tls import CallerTLS

    api_url = address_to_log_in(url, network)
    tls = find_tls(api_url, CallerTLS(ca))
    tls.check()
    password = given_password(from_stdin=password_stdin, is_new=False)
    with closing(Http(api_url, None, tls=tls)) as http:
        found: dict[str, Any] = http.call(
            "POST",
            "/api/v1/auth/login",
            body={"name": name, "password": password, "seconds": days * SECONDS_A_DAY},
        )
    kept_in = keep_token(api_url, str(found.pop("token")), network, tls)
    shown = {**found, "api_url": api_url, "kept_in": str(kept_in)}
    told = (
        f"Logged in at {api_url} as {found['name']}, {found['role']}, until {found['expires_at']}."
    )
    show_answer(shown, told, as_json=as_json)


@click.command()
@json_option
@with_http
def logout(http: Http, *, as_json: bool) -> None:
    """End the token that commands use."""
    answer = http.call("POST", "/api/v1/auth/logout")
    show_answer(answer, "Logged out.", as_json=as_json)
