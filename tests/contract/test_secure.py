"""The option secure: one word is enough, and numbers that do not fit are refused."""

import pytest
from pydantic import ValidationError

from fednet.contract import SecureOptions, SessionOptions


def test_one_word_names_the_protocol():
    """Everything else has its default: three sum participants, of whom one may drop out."""
    given = SessionOptions(secure="pet").secrecy

    assert given == SecureOptions(protocol="pet")
    assert (given.sum_participants, given.threshold, given.signers) == (3, 2, 2)


@pytest.mark.parametrize(
    ("participants", "threshold", "quorum"), [(1, 1, 1), (3, 2, 2), (4, 2, 3), (5, 3, 3)]
)
def test_a_quorum_is_more_than_half(participants, threshold, quorum):
    """Two sets of updates cannot both be signed by honest sum participants."""
    options = SecureOptions(protocol="pet", sum_participants=participants, threshold=threshold)

    assert options.signers == quorum


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("xaynet", "protocol"),
        ({}, "protocol"),
        ({"protocol": "pet", "threshold": 4}, "threshold"),
        ({"protocol": "pet", "sum_participants": 4, "quorum": 2}, "quorum"),
        ({"protocol": "pet", "quorum": 4}, "quorum"),
        ({"protocol": "pet", "sum_participants": 16, "threshold": 8}, "seeds"),
        ({"protocol": "pet", "sum_participants": True}, "sum_participants"),
        ({"protocol": "pet", "ring": 16}, "ring"),
        ({"protocol": "pet", "clip": 0}, "clip"),
        ({"protocol": "pet", "exchange_timeout": 0}, "exchange_timeout"),
        ({"protocol": "pet", "colour": "red"}, "colour"),
    ],
)
def test_what_does_not_fit_is_named(given, word):
    """The error names the value."""
    with pytest.raises(ValidationError, match=word):
        SessionOptions(secure=given)
