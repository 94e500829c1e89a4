"""`fednet session`: start, watch, steer and look up sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fednet.cli._connection import with_api
from fednet.cli._exit import ExitCode
from fednet.cli._option_flags import option_flags
from fednet.cli._output import json_option, progress, show_answer, show_json, show_table
from fednet.cli._rounds import round_results, rounds_table
from fednet.cli._watch import watch_session
from fednet.cli.resource import add_list_and_get
from fednet.contract import SessionOptions

if TYPE_CHECKING:
    from fednet.api_client import APIClient


@click.group()
def session() -> None:
    """Start, watch, steer and look up sessions."""


add_list_and_get(session, "sessions")


@session.command()
@option_flags(SessionOptions)
@json_option
@with_api
def start(api: APIClient, *, as_json: bool, **options: Any) -> None:
    """Start a session and return at once; `fednet session watch` shows how it goes."""
    answer = api.start_session(**options)
    show_answer(answer, f"Started session {answer['session_id']}.", as_json=as_json)


@session.command()
@click.argument("session_id")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="A metric to show; may be given several times. By default all that clients report.",
)
@json_option
@with_api
def watch(api: APIClient, *, session_id: str, metrics: tuple[str, ...], as_json: bool) -> None:
    """Show a session's progress until it ends, then its rounds, with the clients that failed.

    The exit code is 0 if the session finished, and 1 if it failed or was terminated.
    """
    with progress(quiet=as_json) as show:
        last = watch_session(api, session_id, show, metrics)
    if as_json:
        show_json(last)
    else:
        show_table(*rounds_table(round_results(api, session_id), metrics))
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
@click.option(
    "--rounds", type=click.IntRange(min=1), required=True, help="The number of rounds to add."
)
@json_option
@with_api
def continue_(api: APIClient, *, session_id: str, rounds: int, as_json: bool) -> None:
    """Let a session run for more rounds, also one that has finished."""
    _show_session(api.continue_session(session_id, rounds), as_json=as_json)


def _show_session(session: dict[str, Any], *, as_json: bool) -> None:
    done = f"round {session['round_number']} of {session['rounds_total']}"
    sentence = f"Session {session['session_id']}: {session['status']}, {done}."
    show_answer(session, sentence, as_json=as_json)
