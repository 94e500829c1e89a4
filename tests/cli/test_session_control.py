"""`fednet session stop|pause|resume|continue`: what each asks of the controller, and shows."""

import json

import pytest
from click.testing import CliRunner

from fednet import api_client
from fednet.cli import main
from fednet.errors import FailedPrecondition


class Api:
    """Says what a controller would have said of a session that is in its second round."""

    asked = None

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        def call(session_id, *arguments):
            if session_id == "ended":
                raise FailedPrecondition("The session has FINISHED.")
            Api.asked = (name, session_id, *arguments)
            return {
                "session_id": session_id,
                "status": "STARTED",
                "round_number": 2,
                "rounds_total": 5,
            }

        return call


@pytest.fixture(autouse=True)
def _controller(monkeypatch):
    monkeypatch.setattr(api_client, "APIClient", Api)


def session(*words):
    return CliRunner().invoke(main, ["session", *words])


@pytest.mark.parametrize("command", ["stop", "pause", "resume"])
def test_a_session_is_steered_and_shown(command):
    """A sentence for people, the whole session for programs."""
    told = session(command, "s")
    answer = session(command, "s", "--json")

    assert Api.asked == (f"{command}_session", "s")
    assert told.stdout == "Session s: STARTED, round 2 of 5.\n"
    assert json.loads(answer.stdout)["rounds_total"] == 5


def test_a_session_is_continued_by_so_many_rounds():
    """How many must be said."""
    assert session("continue", "s").exit_code == 2
    assert session("continue", "s", "--rounds", "0").exit_code == 2

    assert session("continue", "s", "--rounds", "3").exit_code == 0
    assert Api.asked == ("continue_session", "s", 3)


@pytest.mark.parametrize("command", ["stop", "pause", "resume"])
def test_a_session_that_cannot_is_a_conflict(command):
    """Exit code 6, and the controller's words."""
    result = session(command, "ended")

    assert result.exit_code == 6
    assert "FINISHED" in result.stderr
