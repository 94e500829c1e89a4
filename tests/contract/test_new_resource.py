"""A new resource is its declaration and its view: everything else follows, in a copy of the repository."""

import json

NEW = """    ResourceDeclaration(
        name="naps",
        one="nap",
        meaning="the naps",
        columns=("happened_at", "client.name", "seconds"),
        filters=(_SESSION, _CLIENT_NAME),
        sorted_by=("happened_at",),
    ),
"""
BEFORE = """)


def resource_named("""
VIEW = '''"""Naps: the rests of clients."""

from fednet.contract import Permission

from .resource import Resource, Shown, add_get_route, add_list_routes


class Nap(Shown):
    """The rest of one client."""

    seconds: float


RESOURCE = Resource("naps", Permission.RESULTS_READ, shape=Nap)
api = RESOURCE.blueprint()
add_list_routes(api, RESOURCE)
add_get_route(api, RESOURCE)
'''
PROBE = """
import inspect, json
import click
from click.testing import CliRunner
from fednet import APIClient
from fednet.cli.resource import add_list_and_get
from fednet.controller.api.resource import filters_of
from fednet.controller.app import app_of_routes
from fednet.controller.records import COLLECTIONS

group = click.Group("nap")
add_list_and_get(group, "naps")
[collection] = [each for each in COLLECTIONS if each.name == "naps"]
print(json.dumps({
    "fields": collection.fields,
    "routes": sorted(str(each) for each in app_of_routes().url_map.iter_rules() if "/naps/" in str(each)),
    "filters": filters_of("naps").known(),
    "help": CliRunner().invoke(group, ["list", "--help"]).output,
    "client": [*inspect.signature(APIClient.get_naps).parameters],
    "count": APIClient.get_naps_count.__doc__,
}))
"""
DECLARATION = "fednet/contract/_resources.py"
GENERATED = {"docs/permissions.md", "fednet/api_lists.py"}


def test_a_new_resource_is_its_declaration_its_view_and_what_is_generated(product):
    """The store, REST, the command line and APIClient have it at once."""
    product.insert(DECLARATION, BEFORE, NEW)
    (product.folder / "fednet" / "controller" / "api" / "naps.py").write_text(VIEW)

    product.run("tools/generate.py")
    found = json.loads(product.run("-c", PROBE))

    assert product.changed() == {DECLARATION, "controller/api/naps.py", *GENERATED}
    assert found["fields"] == ["id", "session_id", "client.name", "happened_at"]
    assert found["routes"] == [
        "/api/v1/naps/",
        "/api/v1/naps/<string:id>",
        "/api/v1/naps/count",
        "/api/v1/naps/count",
        "/api/v1/naps/list",
    ]
    assert found["filters"] == ["session_id", "client.name"]
    assert "--client-name" in found["help"]
    assert found["client"] == ["self", "n_max", "session_id", "client_name"]
    assert found["count"] == "Return the number of naps."
