"""The settings that a person gives to a session are checked where they come in."""

import pytest
from jsonschema import Draft202012Validator

from fednet import limits
from fednet.contract import PredictionOptions, check_given_settings
from fednet.errors import InvalidInput


def nested(levels, innermost=1):
    """Return settings of objects and lists in one another."""
    value = innermost
    for level in range(levels - 1):
        value = [value] if level % 2 else {"a": value}
    return {"deep": value}


GOOD = [
    {},
    {
        "learning_rate": 1e-3,
        "epochs": 3,
        "layers": [64, 64],
        "freeze": True,
        "name": "ä€😀",
        "no": None,
    },
    {"big": 2**64 - 1, "small": -(2**63), "nested": {"a": {"b": [1, [2, {"c": 3}]]}}},
    nested(limits.settings_levels_max),
    {"x" * limits.name_characters_max: "y" * (limits.settings_bytes_max - 200)},
]
TOLD = Draft202012Validator(PredictionOptions.model_json_schema())
OUTSIDE = [
    {"rounds": 3},
    {"": 2},
    {"a": {"x" * (limits.name_characters_max + 1): 2}},
    {"a": [2**64]},
    {"a": {"b": "x\0y"}},
    {"a\0": 1},
]
BAD = [
    ([], "an object of values by name"),
    ("mu=1", "an object of values by name"),
    (None, "an object of values by name"),
    ({"rounds": 3}, "'rounds' is a setting of fednet"),
    ({"round": 3}, "'round' is a setting of fednet"),
    ({"session_id": "x"}, "'session_id' is a setting of fednet"),
    ({1: 2}, "the name 1 in them must be a text"),
    ({"a": {2.5: 2}}, r"the name 2.5 in \['a'\] must be a text"),
    ({"": 2}, "must have 1 to 128 characters"),
    ({"x" * (limits.name_characters_max + 1): 2}, "must have 1 to 128 characters"),
    ({"a": [{"b": float("nan")}]}, r"\['a'\]\[0\]\['b'\] is nan"),
    ({"a": float("inf")}, "is inf"),
    ({"a": 2**64}, "more than 64 bits"),
    ({"a": -(2**64)}, "more than 64 bits"),
    ({"a": int("9" * 4000)}, "more than 64 bits"),
    ({"a": "\ud800"}, "characters that no text has"),
    ({"\udfff": 1}, "characters that no text has"),
    ({"a": "x\0y"}, "characters that no text has"),
    ({"a": {1, 2}}, r"\['a'\] is a set"),
    ({"a": b"x"}, r"\['a'\] is a bytes"),
    (nested(limits.settings_levels_max + 1), "more than 16 levels deep"),
    (nested(100_000), "more than 16 levels deep"),
    ({"a": "x" * limits.settings_bytes_max}, "bytes as JSON, and 65,536 are allowed"),
    ({str(number): number for number in range(20_000)}, "bytes as JSON"),
]


@pytest.mark.parametrize("settings", GOOD, ids=range(len(GOOD)))
def test_json_values_by_name_are_settings(settings):
    """They may be as many, as long and as deep as the limits say."""
    check_given_settings(settings)


@pytest.mark.parametrize("settings", GOOD, ids=range(len(GOOD)))
def test_the_form_that_is_told_has_all_settings(settings):
    """A program that reads the OpenAPI document may send them."""
    assert TOLD.is_valid({"settings": settings})


@pytest.mark.parametrize("settings", OUTSIDE, ids=range(len(OUTSIDE)))
def test_the_form_that_is_told_leaves_out_what_is_refused(settings):
    """At any depth."""
    assert not TOLD.is_valid({"settings": settings})
    with pytest.raises(InvalidInput):
        check_given_settings(settings)


@pytest.mark.parametrize(("settings", "words"), BAD, ids=range(len(BAD)))
def test_anything_else_is_refused_with_its_place(settings, words):
    """The refusal says what to do."""
    with pytest.raises(InvalidInput, match=words) as refused:
        check_given_settings(settings)

    assert refused.value.field == "settings"
    assert len(refused.value.message) < 500


def test_a_value_that_contains_itself_is_refused():
    """The check ends at the deepest level."""
    circle = {}
    circle["again"] = circle

    with pytest.raises(InvalidInput, match="levels deep"):
        check_given_settings({"circle": circle})
