"""`list` and `get` on every kind of object, against a real network."""

import json

import pytest

from fednet.contract import resource_named

GROUPS = {
    "clients": "client",
    "combiners": "combiner",
    "models": "model",
    "packages": "package",
    "predictions": "prediction",
    "rounds": "round",
    "sessions": "session",
    "statuses": "status",
    "users": "user",
    "validations": "validation",
}
EACH = pytest.mark.parametrize(
    "resource", [*map(resource_named, GROUPS)], ids=lambda each: each.name
)


@EACH
def test_a_list_shows_the_same_objects_to_people_and_to_programs(fednet, resource):
    """A table with a row for each object of the JSON."""
    table = fednet(GROUPS[resource.name], "list")
    answer = json.loads(fednet(GROUPS[resource.name], "list", "--json").stdout)

    assert table.exit_code == 0, table.output
    header, *rows = table.stdout.splitlines()
    assert header.split() == list(resource.columns)
    assert len(rows) == len(answer["result"]) == answer["count"]


@EACH
def test_one_object_is_shown_with_all_its_fields(fednet, resource):
    """By its id; programs get it as the REST API has it."""
    group = GROUPS[resource.name]
    for found in json.loads(fednet(group, "list", "--json").stdout)["result"][:1]:
        shown = fednet(group, "get", found["id"])
        one = json.loads(fednet(group, "get", found["id"], "--json").stdout)

        assert one == found
        assert {line.split()[0] for line in shown.stdout.splitlines()} == {"field", *one}


@EACH
def test_an_object_that_does_not_exist_is_not_found(fednet, resource):
    """Exit code 3, whatever the id holds."""
    assert fednet(GROUPS[resource.name], "get", "a/../b").exit_code == 3


@pytest.fixture(scope="module")
def failed(net):
    """A session whose only client fails with a traceback of several lines."""

    def train(_parameters, _settings):
        return undefined  # noqa: F821  the mistake of a user

    net.add_client("broken", train=train)
    net.api.start_session("broken", rounds=1, round_retries=0, min_clients=2, requested_clients=2)
    assert net.api.wait_session("broken", timeout=200)["status"] == "FAILED"


@pytest.mark.usefixtures("failed")
def test_a_status_with_a_traceback_says_so_and_shows_it_line_by_line(fednet):
    """The list marks it; the status alone has its lines; programs get it as it is."""
    listed = fednet("status", "list", "--log-level", "ERROR", "--session-id", "broken")
    answer = json.loads(
        fednet("status", "list", "--log-level", "ERROR", "--session-id", "broken", "--json").stdout
    )
    [status] = [each for each in answer["result"] if each["details"].get("traceback")]
    shown = fednet("status", "get", status["id"]).stdout.splitlines()
    as_json = json.loads(fednet("status", "get", status["id"], "--json").stdout)

    assert "(with traceback)" in listed.stdout
    assert "`fednet status get ID` shows a traceback." in listed.stderr
    assert "details.traceback:" in shown
    assert "  Traceback (most recent call last):" in shown
    assert any("in train" in line for line in shown)
    assert as_json["details"]["traceback"] == status["details"]["traceback"]
