"""Signatures, sealed boxes and eligibility."""

import pytest

from fednet.errors import InvalidInput
from fednet.xaynet import (
    FIRST_SEED,
    SEAL_BYTES,
    SealingKey,
    SignatureKey,
    Task,
    is_eligible,
    is_ticket_of,
    next_round_seed,
    seal,
)

# rust/xaynet-core/src/crypto/sign.rs
ELIGIBLE = bytes.fromhex(
    "ac1d55db762c6b20dbfd19f2352d6f3e66821808dec72278a6a3dfe56432fcf4"
    "fa58c497883027c6a6561d970d5145c62894867e07ca0138ae2b591cf2c20400"
)
NOT_ELIGIBLE = bytes.fromhex(
    "7702c5ae34a5e516dad2f0bcdce89581d30d3dd9ba4f660f6ded53c10c75d242"
    "63e61e833f6c1cde305c99479fdc73b5b79b92b6cd598cea6428c7f81793ac00"
)


def test_eligibility_is_xaynets():
    """The values of these signatures are 0.3504548… and 0.6326032…."""
    assert is_eligible(ELIGIBLE, 0.35045484968570185)
    assert not is_eligible(ELIGIBLE, 0.3504548496857018)
    assert is_eligible(NOT_ELIGIBLE, 0.6326032764059360)
    assert not is_eligible(NOT_ELIGIBLE, 0.6326032764059358)


def test_certain_probabilities_hold_for_everybody():
    """With 1 each ticket is eligible, with 0 none."""
    assert is_eligible(NOT_ELIGIBLE, 1.0)
    assert not is_eligible(NOT_ELIGIBLE, 0.0)


def test_a_ticket_belongs_to_one_participant_round_and_task():
    """It is a signature over the seed of the round and the name of the task."""
    key, seed = SignatureKey.generate(), bytes(range(32))
    ticket = key.ticket(seed, Task.SUM)

    assert is_ticket_of(key.public, seed, Task.SUM, ticket)
    assert not is_ticket_of(key.public, seed, Task.UPDATE, ticket)
    assert not is_ticket_of(key.public, bytes(32), Task.SUM, ticket)
    assert not is_ticket_of(SignatureKey.generate().public, seed, Task.SUM, ticket)


@pytest.mark.parametrize("public", [bytes(32), b"\xff" * 32, b"", b"short"])
def test_odd_keys_and_signatures_are_no_signature(public):
    """Nothing of a stranger raises another error."""
    for ticket in (b"", bytes(64), ELIGIBLE):
        assert not is_ticket_of(public, bytes(32), Task.SUM, ticket)


def test_only_the_owner_opens_a_sealed_message():
    """It is 48 bytes longer."""
    key = SealingKey.generate()

    sealed = seal(key.public, b"message")

    assert len(sealed) == len(b"message") + SEAL_BYTES
    assert SealingKey(key.secret).open(sealed) == b"message"
    for damaged in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", bytes(48)):
        with pytest.raises(InvalidInput, match="cannot be opened"):
            key.open(damaged)
    with pytest.raises(InvalidInput, match="cannot be opened"):
        SealingKey.generate().open(sealed)


@pytest.mark.parametrize("public", [bytes(32), b"short"])
def test_nothing_is_sealed_with_an_invalid_key(public):
    """A key of zeros would give everybody the message."""
    with pytest.raises(InvalidInput, match="sealed"):
        seal(public, b"message")


def test_the_seed_of_a_round_follows_from_the_last_one():
    """Key, seed and both probabilities decide it."""
    key = SealingKey(bytes(range(32)))

    seed = next_round_seed(key, FIRST_SEED, 0.5, 0.9)

    assert seed == next_round_seed(SealingKey(bytes(range(32))), bytes(32), 0.5, 0.9)
    assert (
        len(
            {
                seed,
                next_round_seed(key, seed, 0.5, 0.9),
                next_round_seed(key, FIRST_SEED, 0.4, 0.9),
                next_round_seed(key, FIRST_SEED, 0.5, 0.8),
                next_round_seed(SealingKey(bytes(32)), FIRST_SEED, 0.5, 0.9),
            }
        )
        == 5
    )
