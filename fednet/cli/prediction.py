"""`fednet prediction`: let clients predict with a model, and look up what they said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import with_api
from fednet.cli._option_flags import option_flags
from fednet.cli._output import json_option, show_answer
from fednet.cli.resource import add_list_and_get
from fednet.contract import PredictionOptions

if TYPE_CHECKING:
    from fednet.api_client import APIClient


@click.group()
def prediction() -> None:
    """Let clients predict, and look up what they said."""


add_list_and_get(prediction, "predictions")


@prediction.command()
@option_flags(PredictionOptions)
@json_option
@with_api
def start(api: APIClient, *, as_json: bool, **options: Any) -> None:
    """Ask clients to predict and return at once; `fednet session watch` shows how it goes."""
    answer = api.start_predictions(**options)
    sentence = f"Started predictions {answer['prediction_id']}."
    show_answer(answer, sentence, as_json=as_json)
