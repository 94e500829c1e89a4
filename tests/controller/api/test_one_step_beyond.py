"""Every limit of a value that the API describes, one step beyond it."""

import math
import re

import pytest

METHODS = {"get", "post", "put", "patch", "delete"}
ARGUMENTS = {"query": "query_string", "header": "headers"}
UUID = "8c7b9d8e-0d2b-4a6e-9b1f-0d9c2b1a3f4e"


@pytest.fixture
def document(anybody):
    """The OpenAPI document, as anybody reads it."""
    return anybody.get("/openapi.json").json


@pytest.fixture
def user_id(api):
    """The id of a user: the length of a new password is checked for one who is there."""
    body = {"name": "user", "role": "viewer", "password": "a long password"}
    return api.post("/api/v1/users/", json=body).json["id"]


def forms(document, schema):
    """Yield the schemas that a value may have."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", []):
        yield from forms(document, choice)
    yield schema


def beyond(form):
    """Yield a value one step beyond each limit of a schema; a pattern is no limit of size."""
    whole = form.get("type") == "integer"
    for limit, end, step in (("maximum", math.inf, 1), ("minimum", -math.inf, -1)):
        if limit in form:
            yield int(form[limit]) + step if whole else math.nextafter(form[limit], end)
    if "maxLength" in form and "pattern" not in form:
        yield "x" * (form["maxLength"] + 1)
    if form.get("minLength", 0) > 1:
        yield "x" * (form["minLength"] - 1)
    if "maxItems" in form:
        yield ["x"] * (form["maxItems"] + 1)


def within(form):
    """Return a value within the limits of a schema."""
    if "enum" in form:
        return form["enum"][0]
    if form.get("format") == "uuid":
        return UUID
    plain = {"integer": int(form.get("minimum", 1)), "array": [], "object": {}}
    return plain.get(form.get("type"), "x" * form.get("minLength", 1))


def values_of(document, operation):
    """Yield all values that an operation takes: the argument of a call, name, schema, and True if it must be there."""
    for each in operation.get("parameters", []):
        if each["in"] in ARGUMENTS:
            yield ARGUMENTS[each["in"]], each["name"], each["schema"], each.get("required", False)
    content = operation.get("requestBody", {}).get("content", {})
    for body in forms(document, content.get("application/json", {}).get("schema", {})):
        for name, schema in body.get("properties", {}).items():
            yield "json", name, schema, name in body.get("required", [])


def calls_beyond(document, operation):
    """Yield the name of a value, and the arguments of a call in which it alone is beyond a limit."""
    values = list(values_of(document, operation))
    for argument, name, schema, _ in values:
        for value in (each for form in forms(document, schema) for each in beyond(form)):
            given = {place: {} for place, *_ in values}
            for place, needed, its_schema, is_required in values:
                if is_required:
                    given[place][needed] = within(next(forms(document, its_schema)))
            given[argument][name] = value
            yield name, given


def test_a_value_one_step_beyond_its_limit_is_refused_with_its_name(api, document, user_id):
    """Whatever the document bounds: numbers, lengths of texts, lengths of lists."""
    taken, tried = [], 0
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            for name, given in calls_beyond(document, item[method]):
                url = re.sub(r"\{\w+\}", user_id, path)
                with api.open(url, method=method.upper(), **given) as answer:
                    problem = answer.get_json()
                tried += 1
                if not 400 <= answer.status_code < 500 or name not in problem.get("field", ""):
                    taken.append((method, path, name, answer.status_code, problem))

    assert taken == []
    assert tried > 150
