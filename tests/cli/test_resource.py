"""`list` and `get` on every kind of object, against a real network."""

import json
from importlib import import_module

import pytest

from fednet.cli.resource import RESOURCES

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
EACH = pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)


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


@EACH
def test_the_filters_are_those_of_the_rest_api(resource):
    """What a route can filter by, its command can; a dotted field is a flag with hyphens."""
    route = import_module(f"fednet.controller.api.{resource.name}").RESOURCE
    fields = route.filters.model_fields

    assert list(resource.filters) == [field.alias or name for name, field in fields.items()]


@EACH
def test_the_columns_exist(net, resource):
    """A column that no object has would show dashes for ever."""
    found = getattr(net.api, f"get_{resource.name}")(n_max=1)["result"]

    assert {
        name for each in found for name in resource.columns if name.split(".")[0] not in each
    } == set()


def test_a_filter_leaves_out_what_does_not_match(fednet):
    """A flag for each field, dotted ones too."""

    def count(*words):
        return json.loads(fednet(*words, "--json").stdout)["count"]

    assert count("status", "list", "--source-name", "site-1") > 0
    assert count("status", "list", "--source-name", "nobody") == 0
    assert count("round", "list", "--session-id", "first") == 2


def test_a_page_is_asked_for_by_limit_and_skip(fednet):
    """People are told that there is more; programs see it from the count."""
    newest = fednet("round", "list", "--limit", "1")
    before = fednet("round", "list", "--limit", "1", "--skip", "1", "--json")

    assert newest.stderr == "1 of 2; --limit and --skip show others.\n"
    assert [each["number"] for each in json.loads(before.stdout)["result"]] == [1]


def test_a_client_is_found_by_its_name(fednet):
    """What people know it by does as well as the id."""
    assert json.loads(fednet("client", "get", "site-1", "--json").stdout)["name"] == "site-1"


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_a_limit_that_is_none_is_a_usage_error(fednet, limit):
    """Before anything is asked."""
    assert fednet("client", "list", "--limit", limit).exit_code == 2
