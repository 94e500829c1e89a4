"""Keys stand for their values: they are equal and ordered exactly as those are."""

from hypothesis import given
from hypothesis import strategies as st

from fednet.storage._rows import key_of

numbers = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
scalars = st.one_of(st.booleans(), numbers, texts, st.text("\x01\x02\x03\x04\x05", max_size=3))


def rank(value):
    """Where the protocol puts a value: booleans, then numbers, then texts."""
    kind = 0 if isinstance(value, bool) else 2 if isinstance(value, str) else 1
    return kind, value


@given(one=scalars, other=scalars)
def test_keys_compare_like_their_values(one, other):
    """Both as Python compares texts and as databases compare their UTF-8 bytes."""
    keys = key_of(one, "field"), key_of(other, "field")
    as_bytes = keys[0].encode(), keys[1].encode()

    assert (keys[0] < keys[1]) == (as_bytes[0] < as_bytes[1]) == (rank(one) < rank(other))
    assert (keys[0] == keys[1]) == (rank(one) == rank(other))


@given(scalars)
def test_no_key_is_empty(value):
    """So that the empty text can stand for None where the twin in memory sorts."""
    assert key_of(value, "field")


def test_plain_texts_are_their_own_keys():
    """A person can read and search the tables."""
    assert key_of("FINISHED", "status") == "FINISHED"
