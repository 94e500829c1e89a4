"""`fednet session`: start, watch, steer and look up sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import accepted, with_api
from fednet.cli._exit import ExitCode
from fednet.cli._output import json_option, progress, show_answer, show_json, show_table
from fednet.cli._rounds import COLUMNS, round_results
from fednet.cli._watch import watch_session
from fednet.cli.resource import add_list_and_get

if TYPE_CHECKING:
    from fednet.api_client import APIClient


@click.group()
def session() -> None:
    """Start, watch, steer and look up sessions."""


add_list_and_get(session, "sessions")


def _json_object(_: click.Context, __: click.Parameter, text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"this is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise click.BadParameter("it must be a JSON object, such as '{\"name\": 1}'.")
    return value


@session.command()
@click.option("--id", help="The session's id; by default a new one.")
@click.option("--name", help="A name for people; by default the id.")
@click.option("--aggregator", default="fedavg", show_default=True)
@click.option("--aggregator-kwargs", callback=_json_object, metavar="JSON", help="Its settings.")
@click.option("--model-id", help="The model to begin with; by default the active one.")
@click.option(
    "--round-timeout",
    type=float,
    default=180,
    show_default=True,
    help="How long a round waits for updates, in seconds.",
)
@click.option("--rounds", type=int, default=5, show_default=True, help="How many.")
@click.option(
    "--round-buffer-size",
    type=int,
    default=-1,
    show_default=True,
    help="How many updates are enough; -1 for those of all selected clients.",
)
@click.option(
    "--round-retries",
    type=int,
    default=3,
    show_default=True,
    help="How often a round with too few answers is repeated before the session has failed.",
)
@click.option(
    "--delete-models/--keep-models",
    default=True,
    show_default=True,
    help="Whether combiners delete a round's updates, or keep them in their data folders.",
)
@click.option(
    "--validate/--no-validate",
    default=True,
    show_default=True,
    help="Whether clients validate each round's model.",
)
@click.option("--helper", help="The model's format; by default that of the model to begin with.")
@click.option(
    "--min-clients",
    type=int,
    default=1,
    show_default=True,
    help="How many clients must answer for a round to count.",
)
@click.option(
    "--requested-clients",
    type=int,
    default=8,
    show_default=True,
    help="How many clients are asked in each round, at the most.",
)
@click.option("--seed", type=int, help="For the draw of clients; by default from the session's id.")
@click.option(
    "--server-functions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Python with a class that chooses clients, gives them settings or aggregates.",
)
@json_option
@with_api
def start(api: APIClient, *, as_json: bool, helper: str | None, **options: Any) -> None:
    """Start a session and return at once; `fednet session watch` shows how it goes."""
    if helper:
        options["helper"] = helper
    answer = accepted(api.start_session(**options))
    show_answer(answer, f"Started session {answer['session_id']}.", as_json=as_json)


@session.command()
@click.argument("session_id")
@json_option
@with_api
def watch(api: APIClient, *, session_id: str, as_json: bool) -> None:
    """Show a session's progress until it ends, then its rounds.

    The exit code is 0 if the session finished, and 1 if it failed or was terminated.
    """
    with progress(quiet=as_json) as show:
        last = watch_session(api, session_id, show)
    if as_json:
        show_json(last)
    else:
        show_table(COLUMNS, [result.row() for result in round_results(api, session_id)])
        click.echo(f"Session {session_id}: {last['status']}. {last.get('reason') or ''}".rstrip())
    if last["status"].upper() != "FINISHED":
        click.get_current_context().exit(ExitCode.FAILED)


@session.command()
@click.argument("session_id")
@json_option
@with_api
def stop(api: APIClient, *, session_id: str, as_json: bool) -> None:
    """End a session; what its finished rounds gave stays."""
    _show_session(api.stop_session(session_id), as_json=as_json)


@session.command()
@click.argument("session_id")
@json_option
@with_api
def pause(api: APIClient, *, session_id: str, as_json: bool) -> None:
    """Let a session begin no further round until it is resumed."""
    _show_session(api.pause_session(session_id), as_json=as_json)


@session.command()
@click.argument("session_id")
@json_option
@with_api
def resume(api: APIClient, *, session_id: str, as_json: bool) -> None:
    """Let a paused session go on."""
    _show_session(api.resume_session(session_id), as_json=as_json)


@session.command("continue")
@click.argument("session_id")
@click.option("--rounds", type=click.IntRange(min=1), required=True, help="How many more.")
@json_option
@with_api
def continue_(api: APIClient, *, session_id: str, rounds: int, as_json: bool) -> None:
    """Let a session run for more rounds, also one that has finished."""
    _show_session(api.continue_session(session_id, rounds), as_json=as_json)


def _show_session(session: dict[str, Any], *, as_json: bool) -> None:
    done = f"round {session['round_number']} of {session['rounds_total']}"
    sentence = f"Session {session['session_id']}: {session['status']}, {done}."
    show_answer(session, sentence, as_json=as_json)
