"""JSON values of others, as they can be stored."""

import json
import math
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.json_values import (
    as_finite,
    check_storable,
    everything_in,
    in_words,
    parsed,
    storable,
    strictly_parsed,
)

ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=5)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(value=ANY_JSON)
def test_any_value_becomes_one_that_every_store_takes(value):
    """It is JSON in UTF-8 without NaN, with integers of 64 bits; a second pass changes nothing."""
    stored, remarks = storable(value)

    assert json.loads(json.dumps(stored, allow_nan=False, ensure_ascii=False).encode()) == stored
    assert storable(stored) == (stored, [])
    assert bool(remarks) or stored == value


@pytest.mark.parametrize(
    ("value", "stored", "remark"),
    [
        ({"a": math.nan}, {"a": None}, "a is nan"),
        ({"a": [1, -math.inf]}, {"a": [1, None]}, "a.1 is -inf"),
        ([2**64], [None], "0 is an integer of more than 64 bits"),
        ({"\ud800": 1}, {"\ufffd": 1}, "a name has a lone surrogate"),
        ({"a": {"b": "x\udfff"}}, {"a": {"b": "x\ufffd"}}, "a.b has a lone surrogate"),
    ],
)
def test_a_changed_value_is_named_by_its_path(value, stored, remark):
    """The remark leads to the value."""
    found, [said] = storable(value)

    assert found == stored
    assert said.startswith(remark)
    with pytest.raises(ValueError, match=remark.partition(" ")[0]):
        check_storable(value)


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), "\0", "🤖", 1.5, True, None, [], {}])
def test_ordinary_values_stay(value):
    """The ends of 64 bits, NUL and pairs of surrogates are ordinary."""
    check_storable(value)
    assert storable(value) == (value, [])


def test_values_have_a_limit_of_depth():
    """At the limit a value is taken, one level deeper it is refused; nobody recurses without end."""
    deep = []
    for _ in range(limits.json_levels_max):
        deep = [deep]
    check_storable(deep)

    with pytest.raises(ValueError, match="levels deep"):
        check_storable([deep])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1" * 5000, math.inf),
        ("-" + "1" * 5000, -math.inf),
        ("1" * 25, float("1" * 25)),
        ("12", 12),
        ("-9223372036854775808", -(2**63)),
        ("18446744073709551615", 2**64 - 1),
    ],
)
def test_integers_of_any_length_are_parsed(text, value):
    """Python itself refuses one of 4,301 digits, with the whole text around it."""
    assert parsed(f'{{"a": {text}}}') == {"a": value}
    assert type(parsed(text)) is type(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (0.5, 0.5), (True, None), (None, None), ("1", None), ([1], None), (math.nan, None),
     (10**400, None), (-math.inf, None)],
)  # fmt: skip
def test_only_finite_numbers_are_drawn(value, number):
    """Whatever an older version has stored."""
    assert as_finite(value) == number


def test_many_remarks_become_one_line():
    """The first are shown, the rest is counted."""
    _, remarks = storable([math.nan] * (limits.json_remarks_max + 3))

    assert in_words(remarks).endswith("and 3 more")
    assert in_words(remarks[:2]) == "0 is nan, 1 is nan"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "the name 'a' twice"),
        ('{"x": [{"a": 1, "a": 1}]}', "the name 'a' twice"),
        ("[" * 500 + "]" * 500, "levels deep"),
        ("[" * 100_000, "levels deep"),
        ('{"a":' * 100_000, "levels deep"),
        ("[" + "1," * limits.json_values_max + "1]", "values"),
        ("1" * 4000, "64 bits"),
        ("[NaN]", "finite"),
        ("[1e999]", "finite"),
        ('"\\ud800"', "surrogate"),
        ("", "Expecting value"),
    ],
)
def test_json_of_strangers_is_parsed_strictly(text, words):
    """Whatever could not be stored, or be read in two ways, is refused with its reason."""
    with pytest.raises(ValueError, match=words):
        strictly_parsed(text)


@pytest.mark.parametrize("text", ["{}", '{"a": [1, 2.5, null, true, "x"], "b": {"a": 1}}', "7"])
def test_ordinary_json_is_parsed_as_it_is(text):
    """Also from bytes."""
    assert strictly_parsed(text) == strictly_parsed(text.encode()) == json.loads(text)


def test_shared_and_circular_values_are_counted_as_often_as_they_are_written():
    """A few lines of YAML can stand for any number of values."""
    shared = ["x"]
    for _ in range(30):
        shared = [shared, shared]
    circular = []
    circular.append(circular)

    for value in (shared, circular):
        with pytest.raises(ValueError, match=r"values|levels"):
            storable(value)


def test_a_value_is_walked_through_in_its_order():
    """Each place leads to its value; a text is one value. The caller decides where to stop."""
    value = {"a": [1, {"b": "xy"}], "c": None}
    circular = []
    circular.append(circular)

    assert list(everything_in(value)) == [
        ((), value),
        (("a",), value["a"]),
        (("a", 0), 1),
        (("a", 1), {"b": "xy"}),
        (("a", 1, "b"), "xy"),
        (("c",), None),
    ]
    assert [len(place) for place, _ in islice(everything_in(circular), 100)] == list(range(100))
