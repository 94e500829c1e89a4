"""`fednet token`: make, read, list, revoke and replace tokens, and rotate the key that signs them."""

from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fednet import limits
from fednet.cli._connection import with_http
from fednet.cli._output import json_option, show_answer, show_json, show_record, show_table
from fednet.cli.resource import add_list_and_get
from fednet.errors import InvalidInput

if TYPE_CHECKING:
    from fednet.http import Http

DAYS_DEFAULT = 90
SECONDS_A_DAY = 24 * 3600


@click.group()
def token() -> None:
    """Make, read, list, revoke and replace tokens, and rotate the key that signs them."""


@token.command()
@click.option(
    "--role",
    type=click.Choice(["client", "combiner", "monitor", "admin"]),
    required=True,
    help="What it allows: that one client or combiner joins; for a monitor, to read metrics; for an admin, everything.",
)
@click.option(
    "--name", required=True, help="Who is to have it, such as the client's or combiner's name."
)
@click.option(
    "--days",
    type=click.IntRange(1, limits.token_days_max),
    default=DAYS_DEFAULT,
    show_default=True,
    help="How long it is valid.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="The controller's data folder, or another folder with signing.key; by default the user's data folder.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file for the token, which only this user may read; by default stdout.",
)
@json_option
def create(
    *, role: str, name: str, days: int, data_dir: Path | None, output: Path | None, as_json: bool
) -> None:
    """Make a token, with the copy of the signing key in a controller's data folder; no network is asked.

    The token stands alone on stdout or in the file of --output, so that a script can put it where it is needed. One
    for a client or combiner is good to join once: the member then gets a token of its own, which it renews by itself.
    """
    from fednet.contract import Principal, Role
    from fednet.environment import default_data_dir
    from fednet.identity import Signer
    from fednet.names import check_name

    check_name(name)
    identity = Principal.of(Role(role), str(uuid.uuid4()), name)
    signer = Signer.from_folder(data_dir or default_data_dir())
    made = signer.sign(identity, days * SECONDS_A_DAY)
    if output:
        _write_token(output, made)
    if as_json:
        show_json(_said_by(made) if output else {**_said_by(made), "token": made})
    elif not output:
        click.echo(made)


def _write_token(path: Path, token: str) -> None:
    from fednet.files import PRIVATE, write_whole

    try:
        write_whole(path, f"{token}\n".encode(), mode=PRIVATE)
    except OSError as error:
        raise InvalidInput(
            f"Cannot write the token to {path}: {error.strerror}. Choose another file.",
            field="output",
        ) from error


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


add_list_and_get(token, "tokens")


@token.command()
@click.argument("id_", metavar="ID")
@json_option
@with_http
def revoke(http: Http, *, id_: str, as_json: bool) -> None:
    """Revoke a token, by its id: it is refused everywhere within seconds, and so are those derived from it.

    `fednet token list` shows the ids of tokens that the network has recorded, `fednet token show` that of any token.
    """
    answer = http.call("DELETE", f"/api/v1/tokens/{id_}")
    show_answer(answer, f"Revoked the token {id_}.", as_json=as_json)


@token.command()
@click.option("--client", help="The name of a client.")
@click.option("--combiner", help="The name of a combiner.")
@click.option(
    "--days",
    type=click.IntRange(1, limits.token_days_max),
    default=1,
    show_default=True,
    help="How long the new token is valid: until then the member has to start with it, once.",
)
@json_option
@with_http
def reissue(
    http: Http, *, client: str | None, combiner: str | None, days: int, as_json: bool
) -> None:
    """Replace a lost token: make one with which a known client or combiner comes back as itself, once.

    Its older tokens are revoked. The new one stands alone on stdout.
    """
    if (client is None) == (combiner is None):
        raise InvalidInput("Name either a --client or a --combiner.", field="client")
    kind, name = ("client", client) if client is not None else ("combiner", combiner)
    body = {"kind": kind, "name": name, "days": days}
    answer = http.call("POST", "/api/v1/tokens/reissue", body=body)
    show_answer(answer, answer["token"], as_json=as_json)


@token.command("rotate-key")
@json_option
@with_http
def rotate_key(http: Http, *, as_json: bool) -> None:
    """Make a new key, which signs all tokens from now on; those of the present key are taken until it is retired.

    Members renew their tokens by themselves within an hour, combiners at once.
    """
    _show_keys(http.call("POST", "/api/v1/keys/rotate"), as_json=as_json)


@token.command("retire-key")
@click.option(
    "--force",
    is_flag=True,
    help="Also while members may not have renewed their tokens: those need one of `token reissue` then.",
)
@json_option
@with_http
def retire_key(http: Http, *, force: bool, as_json: bool) -> None:
    """Refuse all tokens that the older key has signed; log in again where you use one."""
    answer = http.call("POST", "/api/v1/keys/retire", body={"force": force})
    _show_keys(answer, as_json=as_json)


@token.command("keys")
@json_option
@with_http
def show_keys(http: Http, *, as_json: bool) -> None:
    """Show the keys whose tokens are taken, the newest first."""
    _show_keys(http.call("GET", "/api/v1/keys/"), as_json=as_json)


def _show_keys(keys: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(keys)
    else:
        columns = ("id", "state", "created_at")
        show_table(columns, [[key[column] for column in columns] for key in keys])


def _said_by(token: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token (RFC 7519), whoever may have signed it."""
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
            "token_id": claims.get("jti"),
            "use": claims.get("use"),
            "audience": claims.get("aud"),
        }
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError) as error:
        raise InvalidInput(
            "This is not a token of fednet: copy a whole token, without quotes.", field="token"
        ) from error


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
