"""`fednet session stop|pause|resume|continue`, against a real network."""

import json


def status(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["status"]


def test_a_session_is_paused_resumed_and_stopped(fednet, net):
    """Each answers with the session as it is then; one that has ended can be none of it."""
    assert net.api.start_session("long", rounds=100_000)["success"]

    assert status(fednet("session", "pause", "long", "--json")) == "PAUSED"
    assert status(fednet("session", "resume", "long", "--json")) == "STARTED"
    assert status(fednet("session", "stop", "long", "--json")) == "TERMINATED"
    for command in ("pause", "resume", "stop"):
        refused = fednet("session", command, "long")
        assert refused.exit_code == 6
        assert "TERMINATED" in refused.stderr


def test_a_finished_session_is_continued(fednet, net):
    """By so many rounds, counted from where it was; people read how far it is."""
    result = fednet("session", "continue", "first", "--rounds", "1")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Session first: ")
    assert result.stdout.endswith("of 3.\n")
    assert net.api.wait_session("first", timeout=200)["status"] == "FINISHED"


def test_how_many_rounds_more_must_be_said(fednet):
    """A usage error, before anything is asked."""
    assert fednet("session", "continue", "first").exit_code == 2
    assert fednet("session", "continue", "first", "--rounds", "0").exit_code == 2
