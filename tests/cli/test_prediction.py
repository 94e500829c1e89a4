"""`fednet prediction`, against a real network."""

import json


def test_clients_are_asked_and_what_they_said_is_listed(fednet):
    """The session can be watched; it has no rounds, and ends with how many answered."""
    started = fednet("prediction", "start", "--id", "p", "--requested-clients", "1", "--json")
    watched = fednet("session", "watch", "p")
    listed = fednet("prediction", "list", "--prediction-id", "p", "--json")

    assert json.loads(started.stdout)["prediction_id"] == "p"
    assert "Session p: FINISHED. 1 of 1 clients predicted" in watched.stdout
    [found] = json.loads(listed.stdout)["result"]
    assert (found["client"]["name"], found["result"]) == ("site-1", {"labels": [1, 2]})


def test_a_model_that_does_not_exist_is_refused(fednet):
    """With the server's words."""
    result = fednet("prediction", "start", "--model-id", "nope")

    assert result.exit_code == 2
    assert "nope" in result.stderr
