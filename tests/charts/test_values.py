"""The values: each is known, checked, and used."""

import copy
import json
import re

import helm_python
import pytest
import yaml
from rendered import SETS

RANDOM = re.compile(
    r"^  (password|url|secret|keys|signing\.key|ca\.crt|tls\.crt|tls\.key): .*$", re.MULTILINE
)


def schema_of(schema, node):
    """The schema of a value with its reference resolved."""
    while "$ref" in node:
        name = node["$ref"].removeprefix("#/definitions/")
        node = {key: value for key, value in node.items() if key != "$ref"}
        node = {**schema["definitions"][name], **node}
    return node


def leaves(schema, node, path=()):
    """The path and the schema of each value that has no declared parts."""
    node = schema_of(schema, node)
    parts = node.get("properties")
    if not parts:
        yield path, node
        return
    for name, part in parts.items():
        yield from leaves(schema, part, (*path, name))
    if "examples" in node:
        yield path, node


def has(values, path):
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return False
        values = values[name]
    return True


def value_at(values, path):
    for name in path:
        values = values.get(name, {})
    return values


def changed(values, path, value):
    """The values with another one at a path."""
    copied = copy.deepcopy(values)
    place = copied
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
    return copied


def others(node, present):
    """Values that differ from the present one, and that the schema allows."""
    if "enum" in node:
        candidates = node["enum"]
    elif node.get("type") == "boolean":
        candidates = [True, False]
    elif node.get("type") == "integer":
        candidates = [3, 4]
    else:
        candidates = node["examples"]
    return [each for each in candidates if each != present]


def text_of(rendering):
    """All that is rendered, without what is random."""
    return RANDOM.sub("", json.dumps(dict(rendering.files)).replace("\\n", "\n"))


@pytest.mark.parametrize("name", SETS)
def test_the_same_values_give_the_same_text(chart, renderings, name):
    """But for what is random; else every value would seem to change something."""
    assert text_of(chart.render(SETS[name])) == text_of(renderings[name])


def test_every_value_changes_something(chart, renderings):
    """No value stands there unused: in one of the sets, another value gives another rendering."""
    schema, defaults = chart.schema, chart.values
    before = {name: text_of(rendering) for name, rendering in renderings.items()}
    order = sorted(SETS, key=lambda name: name != "everything")
    unused = []
    paths = [
        (path, node)
        for path, node in leaves(schema, schema)
        if path[0] != "clients" and "settings" not in path[:-1] and path != ("global",)
    ]
    for path, node in paths:
        for name in order:
            merged = (
                value_at(SETS[name], path) if has(SETS[name], path) else value_at(defaults, path)
            )
            candidates = [changed(SETS[name], path, other) for other in others(node, merged)]
            if any(differs(chart, each, before[name]) for each in candidates):
                break
        else:
            unused.append(".".join(path))

    assert len(paths) > 50
    assert unused == []


def test_every_value_of_a_client_changes_something(chart):
    """Each client of the list has values of its own."""
    schema = chart.schema
    parts = schema["properties"]["clients"]["items"]["properties"]
    plain = text_of(chart.render({"clients": [{"name": "site"}]}))

    unused = [
        name
        for name, part in parts.items()
        if name != "name"
        and not differs(
            chart, {"clients": [{"name": "site", name: an_example(schema, part)}]}, plain
        )
    ]

    assert (len(parts), unused) == (7, [])


def an_example(schema, part):
    return schema_of(schema, part)["examples"][0]


def differs(chart, values, before):
    try:
        return text_of(chart.render(values)) != before
    except helm_python.HelmValuesError:  # the set does not allow it
        return False


def test_every_default_is_declared(chart):
    """The schema knows each value of values.yaml, and values.yaml names each value of the schema."""
    schema, defaults = chart.schema, chart.values
    declared = {path for path, _ in leaves(schema, schema) if path[0] != "global"}
    undeclared = [
        path for path in paths_of(defaults) if not any(path[: len(d)] == d for d in declared)
    ]
    missing = [path for path in declared if "settings" not in path[:-1] and not has(defaults, path)]

    assert (undeclared, missing) == ([], [])


def paths_of(values, path=()):
    if not isinstance(values, dict) or not values:
        yield path
        return
    for name, value in values.items():
        yield from paths_of(value, (*path, name))


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
def test_the_schema_takes_each_set(chart, values):
    """As an installation would check it."""
    chart.validate(values)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{replicas: 3}", "replicas"),
        ("{controller: {replica: 3}}", "replica"),
        ("{controller: {replicas: two}}", "replicas"),
        ("{controller: {settings: {thread: 3}}}", "thread"),
        ("{combiner: {settings: {token: secret}}}", "token"),
        ("{stateStore: {builtin: mysql}}", "builtin"),
        ("{stateStore: {url: 'postgresql://user:password@host/fednet'}}", "url"),
        ("{blobStore: {url: s3://host/bucket}}", "existingSecret"),
        ("{blobStore: {existingSecret: keys}}", "existingSecret"),
        ("{blobStore: {url: 's3://key:secret@host/bucket', existingSecret: keys}}", "url"),
        ("{clients: [{}]}", "name"),
        ("{clients: [{name: Hospital A}]}", "name"),
        (
            "{clients: [{name: a, environment: {FEDNET_CLIENT_TOKEN: secret}}]}",
            "FEDNET_CLIENT_TOKEN",
        ),
        ("{clients: [{name: a, data: {}}]}", "data"),
        ("{log: {level: loud}}", "level"),
        ("{tls: {source: secrets, secrets: {controller: a, combiner: b}}}", "objects"),
        ("{ingress: {enabled: true}}", "tlsSecret"),
        ("{ingress: {enabled: true, tlsSecret: ''}}", "tlsSecret"),
        ("{combiner: {ingress: {enabled: true}}}", "tlsSecret"),
        (
            "{combiner: {ingress: {enabled: true, tlsSecret: a}}, clients: [{name: a}]}",
            "clientEgress",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(chart, wrong, message):
    """Also a secret where a reference belongs."""
    with pytest.raises(helm_python.HelmValuesError, match=message):
        chart.validate(yaml.safe_load(wrong))
