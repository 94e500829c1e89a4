"""`fednet prediction`: let clients predict with a model, and look up what they said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import accepted, with_api
from fednet.cli._output import json_option, show_answer
from fednet.cli.resource import add_list_and_get

if TYPE_CHECKING:
    from fednet.api_client import APIClient


@click.group()
def prediction() -> None:
    """Let clients predict, and look up what they said."""


add_list_and_get(prediction, "predictions")


@prediction.command()
@click.option("--id", "prediction_id", help="The id of its session; by default a new one.")
@click.option("--model-id", help="The model to predict with; by default the active one.")
@click.option(
    "--requested-clients",
    type=int,
    help="How many clients are asked, at the most; by default all that can predict.",
)
@click.option(
    "--round-timeout",
    type=float,
    default=180,
    show_default=True,
    help="How long the clients may take, in seconds.",
)
@json_option
@with_api
def start(api: APIClient, *, as_json: bool, **options: Any) -> None:
    """Ask clients to predict and return at once; `fednet session watch` shows how it goes."""
    answer = accepted(api.start_predictions(**options))
    sentence = f"Started predictions {answer['prediction_id']}."
    show_answer(answer, sentence, as_json=as_json)
