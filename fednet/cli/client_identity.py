"""`fednet client identity`: the line by which other sites pin this client in secure aggregation."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import click

from fednet.cli._flags import settings_flags
from fednet.cli._output import json_option, show_answer
from fednet.settings import ClientSettings, load

if TYPE_CHECKING:
    from pathlib import Path

_ANY_URL = "http://127.0.0.1:8092"  # this command calls nobody


@click.command()
@settings_flags(ClientSettings, only=("name", "data_dir"))
@json_option
def identity(*, config: Path | None, name: str | None, data_dir: str | None, as_json: bool) -> None:
    """Print this client's id and the public key of its identity.

    In secure aggregation clients know one another by these keys. A site that does not want to trust other clients on
    first use collects their lines in a file, and names it with --known-clients.
    """
    from fednet.client.vault import Vault
    from fednet.enrolment import kept_client_id

    given = {"name": name, "data_dir": data_dir, "api_url": _ANY_URL}
    settings = load(ClientSettings, file=config, flags=given)
    client_id = kept_client_id(settings)
    public = Vault(settings.data_dir / settings.name / "secure").identity.public
    key = base64.b64encode(public).decode()
    show_answer({"client_id": client_id, "key": key}, f"{client_id} {key}", as_json=as_json)
