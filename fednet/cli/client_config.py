"""`fednet client get-config`: the file with which an agent joins the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from fednet.cli._connection import with_api
from fednet.cli._output import json_option, show_json
from fednet.settings import ClientSettings

if TYPE_CHECKING:
    from fednet.api_client import APIClient

_WAYS = get_args(ClientSettings.model_fields["transfer"].annotation)


@click.command("get-config")
@click.option("--name", required=True, help="The client's name, unique in its network.")
@click.option("--preferred-combiner", help="The combiner to be placed on, if it has room.")
@click.option("--transfer", type=click.Choice(_WAYS), help="How files travel; by default auto.")
@json_option
@with_api
def get_config(
    api: APIClient,
    *,
    name: str,
    preferred_combiner: str | None,
    transfer: str | None,
    as_json: bool,
) -> None:
    """Print the file with which `fednet client start --config FILE` joins this network.

    It holds no token: `fednet token create --role client` makes one, for FEDNET_TOKEN at the site.
    """
    import yaml

    from fednet.names import check_name

    check_name(name)
    network_id = api.get_client_config(checksum=False)["network_id"]
    chosen = {"preferred_combiner": preferred_combiner, "transfer": transfer}
    given = {setting: value for setting, value in chosen.items() if value}
    config = {"client": {"name": name, "api_url": api.api_url, **given}}
    if as_json:
        show_json(config)
    else:
        click.echo(f"# A client of the network {network_id}; its token stands in FEDNET_TOKEN.")
        click.echo(yaml.safe_dump(config, sort_keys=False), nl=False)
