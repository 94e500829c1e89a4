"""`fednet round`, `fednet status` and `fednet validation`: records of the past, to be read only."""

from __future__ import annotations

import click

from fednet.cli.resource import add_list_and_get, add_sublist


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
add_sublist(rounds, "rounds", "answers")
add_list_and_get(status, "statuses")
add_list_and_get(validation, "validations")
