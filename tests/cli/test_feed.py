"""`fednet feed`, against a real network."""

import json


def test_what_has_happened_is_shown_as_lines_and_as_json(fednet):
    """A session's changes, from the first to the last, with their numbers."""
    lines = fednet("feed", "--once", "--session-id", "first").stdout.splitlines()
    entries = [
        json.loads(line)
        for line in fednet("feed", "--once", "--session-id", "first", "--json").stdout.splitlines()
    ]

    assert len(lines) == len(entries) > 2
    assert "session_changed" in lines[0]
    assert entries[-1]["ids"]["status"] == "FINISHED"
    assert [each["number"] for each in entries] == sorted(each["number"] for each in entries)


def test_the_joins_of_clients_are_shown(fednet, net):
    """With the client and its combiner."""
    shown = fednet("feed", "--once", "--kind", "client_joined", "--json").stdout.splitlines()

    client = net.api.get_clients()["result"][0]
    assert [json.loads(line)["ids"] for line in shown] == [
        {"client_id": client["id"], "combiner": "combiner-1"}
    ]


def test_a_kind_that_there_is_not_is_refused(fednet):
    """With those that there are."""
    result = fednet("feed", "--once", "--kind", "nonsense")

    assert result.exit_code == 2
    assert "client_joined" in result.stderr
