"""The settings that a manifest declares."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.errors import InvalidPackage
from fednet.packages import create_package, declared_settings, inspect_package

TAKEN = [
    ("number", 1),
    ("number", 0.5),
    ("number", 10**400),
    ("integer", 3),
    ("integer", 10**400),
    ({"type": "integer", "min": 0, "max": 10**400}, 10**399),
    ("string", "x"),
    ("boolean", True),
    ("list", [1, "a"]),
    ("object", {}),
    ({"type": "number", "min": 0, "max": 1}, 1),
    ({"choices": ["sgd", 2, False]}, False),
]
REFUSED = [
    ("number", True),
    ("number", math.nan),
    ("number", "1"),
    ("integer", 3.0),
    ("string", None),
    ("boolean", 1),
    ("list", {}),
    ({"type": "number", "min": 0, "max": 1}, 1.1),
    ({"type": "integer", "min": 2}, 1),
    ({"type": "integer", "max": 1}, 10**400),
    ({"type": "number", "max": 0.5}, 10**400),
    ({"choices": ["sgd", 1]}, True),
    ({"choices": [1]}, 1.0),
]


@pytest.mark.parametrize(("declared", "value"), TAKEN)
def test_a_value_within_its_declaration_is_taken(declared, value):
    """Of the declared type, in the range, among the choices."""
    assert declared_settings({"x": declared})["x"].takes(value)


@pytest.mark.parametrize(("declared", "value"), REFUSED)
def test_a_value_outside_of_its_declaration_is_refused(declared, value):
    """Also one that Python would call equal."""
    assert not declared_settings({"x": declared})["x"].takes(value)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_every_value_gets_an_answer(value):
    """No value of a session can break a client."""
    for declared, _ in TAKEN:
        assert declared_settings({"x": declared})["x"].takes(value) in {True, False}


@pytest.mark.parametrize(
    "declared",
    [
        [],
        {"": "number"},
        {1: "number"},
        {"x": "float"},
        {"x": {}},
        {"x": {"type": ["number"]}},
        {"x": {"type": "number", "default": 1}},
        {"x": {"type": "string", "min": 1}},
        {"x": {"type": "number", "min": 2, "max": 1}},
        {"x": {"type": "number", "min": "0"}},
        {"x": {"type": "number", "max": math.inf}},
        {"x": {"type": "integer", "min": 1 << limits.package_setting_bits_max}},
        {"x": {"choices": [1 << limits.package_setting_bits_max]}},
        {"x": {"choices": []}},
        {"x": {"choices": [[1]]}},
        {"x": {"choices": ["a"], "type": "string"}},
        {str(number): "number" for number in range(limits.package_settings_max + 1)},
    ],
)
def test_a_declaration_in_another_form_is_refused(declared):
    """The error names the setting."""
    with pytest.raises(InvalidPackage) as caught:
        declared_settings(declared)
    assert caught.value.field.startswith("settings")


def test_a_manifest_declares_settings(source, tmp_path):
    """The declarations of fednet.yaml are part of it, in words that people read."""
    with (source / "fednet.yaml").open("a") as file:
        file.write("settings: {rate: {type: number, min: 0, max: 1}, how: {choices: [a, b]}}\n")
    create_package(source, tmp_path / "package.tgz")

    settings = inspect_package(tmp_path / "package.tgz").settings

    assert {name: str(each) for name, each in settings.items()} == {
        "rate": "number from 0 to 1",
        "how": "one of 'a', 'b'",
    }


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"type": "integer", "max": 12345678}, "integer to 12345678"),
        ({"type": "number", "min": 0.123456789}, "number from 0.123456789"),
        ({"type": "integer", "max": 10**400}, f"integer to {10**400}"),
    ],
)
def test_a_bound_is_shown_as_it_is(given, shown):
    """The owner of a site approves this very value."""
    assert str(declared_settings({"x": given})["x"]) == shown


def test_a_manifest_in_fedns_form_declares_none(source, tmp_path):
    """Its field `settings` may mean anything."""
    (source / "fednet.yaml").rename(source / "fedn.yaml")
    with (source / "fedn.yaml").open("a") as file:
        file.write("settings: 7\n")
    create_package(source, tmp_path / "package.tgz")

    assert inspect_package(tmp_path / "package.tgz").settings == {}
