"""`fednet round`, `fednet status` and `fednet validation`: what happened, to be read only."""

from __future__ import annotations

import click

from fednet.cli.resource import add_list_and_get


@click.group("round")
def rounds() -> None:
    """Look up rounds: what each took in and gave."""


@click.group()
def status() -> None:
    """Look up statuses: what the network's parts logged."""


@click.group()
def validation() -> None:
    """Look up validations: what clients measured of models."""


add_list_and_get(rounds, "rounds")
add_list_and_get(status, "statuses")
add_list_and_get(validation, "validations")
