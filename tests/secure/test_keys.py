"""Keys, seals, identities and forms: the parts of which both protocols are made."""

import pytest

from fednet.errors import InvalidInput
from fednet.secure.forms import Envelope
from fednet.secure.identities import Identity, has_signed, new_identity
from fednet.secure.keys import (
    agreed_key,
    derived,
    joined,
    private_key,
    public_bytes,
    stretched,
)
from fednet.secure.sealing import SEAL_BYTES, seal, unseal


def test_parts_are_joined_without_ambiguity():
    """No two sequences of parts give the same bytes."""
    sequences = [
        ("a", "b"), ("ab",), ("ab", ""), ("", "ab"), (b"ab",), (b"a", b"b"), (1, 2), (12,), ("12",), (-12,), (),
    ]  # fmt: skip

    assert len({joined(*parts) for parts in sequences}) == len(sequences)


def test_a_key_is_derived_for_one_purpose():
    """RFC 5869's HKDF with SHA-256, no salt, and the purpose as info."""
    secret = bytes(range(32))

    assert derived(secret, "one") == derived(secret, "one")
    assert len({derived(secret, "one"), derived(secret, "two"), derived(bytes(32), "one")}) == 3


def test_both_sides_agree_on_a_key():
    """Each side needs its private key and the other's public key."""
    mine, theirs = private_key(bytes([1] * 32)), private_key(bytes([2] * 32))

    key = agreed_key(mine, public_bytes(theirs), "purpose")

    assert key == agreed_key(theirs, public_bytes(mine), "purpose")
    assert key != agreed_key(theirs, public_bytes(mine), "another")


def test_a_point_of_small_order_is_refused():
    """With it the agreed key would be known to everybody."""
    with pytest.raises(InvalidInput, match="small order"):
        agreed_key(private_key(bytes([1] * 32)), bytes(32), "purpose")


def test_a_stream_is_that_of_chacha20():
    """The first bytes of RFC 8439's key stream for the key of zeros, counter 0."""
    assert stretched(bytes(32), 8).hex() == "76b8e0ada0f13d90"


def test_sealed_bytes_open_with_their_key_and_purpose_only():
    """Any change of a bit, another key and another purpose are found."""
    key = bytes([7] * 32)
    sealed = seal(key, b"content", b"purpose")

    assert unseal(key, sealed, b"purpose") == b"content"
    assert len(sealed) == len(b"content") + SEAL_BYTES
    for other in [(bytes(32), sealed, b"purpose"), (key, sealed, b"other"), (key, b"", b"purpose")]:
        with pytest.raises(InvalidInput, match="do not open"):
            unseal(*other)
    for place in range(len(sealed)):
        damaged = bytes(byte ^ (index == place) for index, byte in enumerate(sealed))
        with pytest.raises(InvalidInput):
            unseal(key, damaged, b"purpose")


def test_an_identity_signs_statements():
    """A signature holds for its statement and its identity only; a key that is none is no identity."""
    one, other = Identity(new_identity()), Identity(new_identity())
    signature = one.sign(b"statement")

    assert has_signed(one.public, b"statement", signature)
    assert not has_signed(one.public, b"another", signature)
    assert not has_signed(other.public, b"statement", signature)
    assert not has_signed(bytes([255] * 32), b"statement", signature)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", ""),
        ("round_id", 1),
        ("step", "x" * 200),
        ("terms", None),
        ("terms", "x" * 2000),
    ],
)
def test_a_message_of_another_form_names_its_field(field, value):
    """Whoever reads the error knows where to look."""
    message = {"session_id": "s", "round_id": "r", "terms": "{}", "step": "keys", field: value}

    with pytest.raises(InvalidInput, match=f"Invalid {field} in Envelope") as refusal:
        Envelope.read(message)
    assert refusal.value.field == field


@pytest.mark.parametrize("message", [None, [], "text", {}])
def test_a_message_that_is_no_object_is_refused(message):
    """Nothing but an object with all fields is a message."""
    with pytest.raises(InvalidInput):
        Envelope.read(message)
