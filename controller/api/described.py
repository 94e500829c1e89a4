"""The OpenAPI document as it is told: what the routes' types cannot say is corrected here.

- A parameter of a URL or a header has no null: it is absent instead.
- A list is sorted by the fields that the store knows.
- The filters of a list or a count may be left out with their whole body.
- An option that names an aggregator or a helper has the names that this controller knows.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from fednet.aggregation import aggregator_names
from fednet.contract import RESOURCES, SessionOptions
from fednet.parameters import helper_names

_FORM = "application/x-www-form-urlencoded"  # only filters may come as one


def told(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document, corrected; the original stays as it is."""
    paths = {
        path: {verb: _operation(path, each) for verb, each in item.items()}
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths, "components": _components(document["components"])}


def _components(components: dict[str, Any]) -> dict[str, Any]:
    schemas = components["schemas"]
    options = schemas[SessionOptions.__name__]
    choices = {"aggregator": aggregator_names(), "helper": helper_names()}
    chosen = {
        name: _with_choices(options["properties"][name], known) for name, known in choices.items()
    }
    properties = {**options["properties"], **chosen}
    told_options = {**options, "properties": properties}
    return {**components, "schemas": {**schemas, SessionOptions.__name__: told_options}}


def _with_choices(schema: dict[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Return the schema of a text, or of a text or null, that is one of those known."""
    if "anyOf" in schema:
        text, null = schema["anyOf"]
        return {**schema, "anyOf": [{**text, "enum": list(known)}, null]}
    return {**schema, "enum": list(known)}


def _operation(path: str, operation: Any) -> Any:
    if not isinstance(operation, dict):
        return operation
    changed = dict(operation)
    if parameters := operation.get("parameters"):
        changed["parameters"] = [_parameter(path, each) for each in parameters]
    if _FORM in operation.get("requestBody", {}).get("content", {}):
        changed["requestBody"] = {**operation["requestBody"], "required": False}
    return changed


def _parameter(path: str, parameter: dict[str, Any]) -> dict[str, Any]:
    schema = _without_null(parameter["schema"])
    if parameter["name"] == "X-Sort-Key" and (fields := list(_sortable(path))):
        schema = {**schema, "enum": fields}
    return {**parameter, "schema": schema}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    forms = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(forms) == len(schema.get("anyOf", ())):
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    if rest.get("default", "") is None:
        del rest["default"]
    return {**forms[0], **rest} if len(forms) == 1 else {**rest, "anyOf": forms}


def _sortable(path: str) -> Iterator[str]:
    """Yield the fields by which the list of a path can be sorted."""
    named = [each for each in RESOURCES if each.name in path.strip("/").split("/")]
    if named:
        yield "id"
        yield from named[-1].indexed
