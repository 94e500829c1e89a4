"""How the API describes itself."""

import re

import pytest
from openapi_spec_validator import validate

from fednet import limits
from fednet.aggregation import aggregator_names
from fednet.names import ID_PATTERN, NAME_PATTERN
from fednet.parameters import helper_names
from fednet.update_codec import codec_names

RESOURCES = [
    "clients",
    "combiners",
    "models",
    "packages",
    "rounds",
    "sessions",
    "statuses",
    "validations",
]
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document(anybody):
    """The OpenAPI document, as anybody reads it."""
    return anybody.get("/openapi.json").json


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def test_the_document_is_valid(document):
    """As OpenAPI 3.1 defines it."""
    validate(document)

    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "fednet"


def test_each_resource_has_its_lists_counts_and_objects(document):
    """With typed parameters."""
    paths = document["paths"]

    for resource in RESOURCES:
        assert {"get"} <= set(paths[f"/api/v1/{resource}/"])
        assert {"post"} <= set(paths[f"/api/v1/{resource}/list"])
        assert {"get", "post"} <= set(paths[f"/api/v1/{resource}/count"])
        assert {"get"} <= set(paths[f"/api/v1/{resource}/{{id}}"])
    parameters = paths["/api/v1/statuses/"]["get"]["parameters"]
    assert {"source.name", "X-Limit", "X-Sort-Order"} <= {each["name"] for each in parameters}


def test_every_route_of_the_api_is_described(app, document):
    """None is hidden but those of the façades, which are not for new programs."""
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and not rule.endpoint.startswith("fedn_")
    ]

    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in rules
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    described = {(path, method) for path, method, _ in operations(document)}
    assert served == {each for each in described if each[0].startswith("/api/v1/")}


def test_every_operation_says_what_it_does_and_answers(document):
    """A summary, a typed success unless it only refuses, and the problem that may come in its place."""
    for path, method, operation in operations(document):
        answers = operation["responses"]
        success = [answer for status, answer in answers.items() if status.startswith("2")]

        assert operation["summary"], (method, path)
        assert success or "501" in answers, (method, path)
        assert all("content" in answer for answer in success), (method, path)
        for status in ("4XX", "422", "5XX"):
            schema = answers[status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path)


def test_a_token_is_asked_for_everywhere_but_where_there_is_none(document):
    """So that tools know where to send one."""
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["security"] == [{"token": []}]
    open_ = [path for path, _, operation in operations(document) if operation.get("security") == []]
    assert open_ == ["/api/v1/auth/login", "/health", "/health/live", "/health/ready"]


def test_the_page_comes_with_all_that_it_needs(anybody):
    """Nothing is fetched from elsewhere."""
    page = anybody.get("/docs", follow_redirects=True)

    assert page.status_code == 200
    assert "../openapi.json" in page.text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    assert not [each for each in addresses if "//" in each]
    assert "validatorUrl" in page.text
    for address in addresses:
        with anybody.get(f"/docs/{address}") as answer:
            assert answer.status_code == 200


def test_no_parameter_may_be_null(document):
    """A parameter of a URL or a header is a text: it is absent instead."""
    for path, method, operation in operations(document):
        for each in operation.get("parameters", ()):
            forms = each["schema"].get("anyOf", [each["schema"]])
            assert {"type": "null"} not in forms, (path, method, each["name"])
            assert each["schema"].get("default", "") is not None


def test_lists_are_sorted_by_the_fields_that_are_told(api, document):
    """Each of them is accepted."""
    for resource in RESOURCES:
        parameters = document["paths"][f"/api/v1/{resource}/"]["get"]["parameters"]
        (key,) = [each["schema"] for each in parameters if each["name"] == "X-Sort-Key"]

        for field in key["enum"]:
            answer = api.get(f"/api/v1/{resource}/", headers={"X-Sort-Key": field})
            assert answer.status_code == 200, (resource, field, answer.json)


def test_names_ids_and_helpers_are_told_as_they_are_checked(document):
    """By the same declarations."""
    schemas = document["components"]["schemas"]
    (id_,) = document["paths"]["/api/v1/tokens/{id}"]["delete"]["parameters"]

    for kind in ("ClientRegistration", "CombinerRegistration", "Invitation", "NewUser"):
        name = schemas[kind]["properties"]["name"]
        assert (name["pattern"], name["maxLength"]) == (NAME_PATTERN, limits.name_characters_max)
    assert id_["schema"]["pattern"] == ID_PATTERN
    assert schemas["ChosenHelper"]["properties"]["helper"]["enum"] == list(helper_names())


def test_the_choices_of_a_session_are_told(document):
    """Aggregators, helpers and codecs, and the ids that are words of the API."""
    options = document["components"]["schemas"]["SessionOptions"]["properties"]
    helper, id_ = options["helper"]["anyOf"][0], options["id"]["anyOf"][0]

    assert options["aggregator"]["enum"] == aggregator_names()
    assert helper["enum"] == list(helper_names())
    assert options["update_codec"]["enum"] == codec_names()
    assert "pause" in id_["not"]["enum"]


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/api/v1/clients/register", {"name": "a b", "needs_package": True}, "name"),
        ("POST", "/api/v1/tokens/reissue", {"kind": "client", "name": "../a"}, "name"),
        ("DELETE", "/api/v1/tokens/7", None, "id"),
        ("PUT", "/api/v1/helpers/active", {"helper": "pickle"}, "helper"),
        ("POST", "/api/v1/clients/list", {"name": "a\0"}, "name"),
        ("POST", "/api/v1/combiners/clients/count", None, None),
    ],
)
def test_values_that_are_not_told_are_refused(api, method, path, body, field):
    """The answer names the field."""
    answer = api.open(path, method=method, json=body)

    assert (answer.status_code, answer.json.get("field")) == (400, field)


@pytest.mark.parametrize("name", ["X-Limit", "X-Skip"])
def test_a_list_takes_numbers_up_to_the_bound_that_is_told(api, document, name):
    """Beyond it, the answer names the header."""
    parameters = document["paths"]["/api/v1/models/"]["get"]["parameters"]
    (told,) = [each["schema"]["maximum"] for each in parameters if each["name"] == name]

    assert api.get("/api/v1/models/", headers={name: str(told)}).status_code == 200
    refused = api.get("/api/v1/models/", headers={name: str(told + 1)})
    assert (refused.status_code, refused.json["field"]) == (422, name)


def test_only_filters_may_be_left_out_with_their_body(document):
    """Other bodies are required, such as that of a count of something else."""
    path = document["paths"]["/api/v1/combiners/clients/count"]

    assert path["post"]["requestBody"]["required"] is True


def test_the_filters_of_a_list_may_be_left_out(api, document):
    """With the whole body."""
    for resource in RESOURCES:
        for part in ("list", "count"):
            path = f"/api/v1/{resource}/{part}"
            assert document["paths"][path]["post"]["requestBody"]["required"] is False
            assert api.post(path).status_code == 200


def test_options_tells_the_methods_that_are_described(api, document):
    """And OPTIONS itself, and HEAD where there is GET."""
    for path, item in document["paths"].items():
        if "{" in path or not path.startswith("/api/v1/"):
            continue
        answer = api.open(path, method="OPTIONS")

        allowed = set(answer.headers["Allow"].split(", ")) - {"OPTIONS", "HEAD"}
        assert allowed == {method.upper() for method in METHODS & set(item)}, path
