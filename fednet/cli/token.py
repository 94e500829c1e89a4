"""`fednet token`: make tokens on the controller's machine, and read what a token says."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fednet.cli._output import json_option, show_json, show_record
from fednet.errors import InvalidInput

DAYS_MAX = 36_500
SECONDS_A_DAY = 24 * 3600


@click.group()
def token() -> None:
    """Make tokens, and see what a token says."""


@token.command()
@click.option(
    "--role",
    type=click.Choice(["client", "combiner", "admin"]),
    required=True,
    help="What it allows: that one client or combiner joins, or, for an admin, everything.",
)
@click.option("--name", required=True, help="Who is to have it: the client's or combiner's name.")
@click.option(
    "--days", type=click.IntRange(1, DAYS_MAX), help="How long it is valid; by default for ever."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="The controller's data folder; by default the user's.",
)
@json_option
def create(*, role: str, name: str, days: int | None, data_dir: Path | None, as_json: bool) -> None:
    """Make a token, with the copy of the signing key in a controller's data folder; no network is asked.

    The token stands alone on stdout, so that a script can put it where it is needed.
    """
    from fednet.contract import Principal, Role
    from fednet.identity import Signer
    from fednet.names import check_name
    from fednet.settings import default_data_dir

    check_name(name)
    identity = Principal.of(Role(role), str(uuid.uuid4()), name)
    seconds = None if days is None else days * SECONDS_A_DAY
    made = Signer.from_folder(data_dir or default_data_dir()).sign(identity, seconds)
    if as_json:
        show_json({**_said_by(made), "token": made})
    else:
        click.echo(made)


@token.command()
@click.argument("text", metavar="[TOKEN]", required=False)
@json_option
def show(*, text: str | None, as_json: bool) -> None:
    """Show what a token says, by default the one that commands use; it is NOT verified.

    Whether a network believes it, only that network can tell.
    """
    from fednet.identity import find_network

    said = _said_by(text or find_network()[1] or "")
    if as_json:
        show_json(said)
    else:
        show_record(said)


def _said_by(token: str) -> dict[str, Any]:
    """The claims of a JSON Web Token (RFC 7519), whoever may have signed it."""
    try:
        _, payload, _ = token.split(".")
        padded = payload + "=" * (-len(payload) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
        return {
            "role": claims["role"],
            "id": claims["sub"],
            "name": claims["name"],
            "issued_at": _time(claims["iat"]),
            "expires_at": _time(claims["exp"]) if "exp" in claims else None,
        }
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError) as error:
        raise InvalidInput(
            "This is no token of fednet: give the whole of one, without quotes.", field="token"
        ) from error


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
