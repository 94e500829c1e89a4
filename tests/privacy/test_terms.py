"""The terms of privacy as a text."""

import pytest

from fednet.errors import InvalidInput
from fednet.privacy import GaussianNoise, PrivacyTerms


def test_terms_come_back_from_their_text():
    """The text is the same each time, so that a signature over it holds."""
    terms = PrivacyTerms(2.5, deviation=0.5, counts=True)

    assert PrivacyTerms.from_text(terms.to_text()) == terms
    assert terms.to_text() == PrivacyTerms(2.5, 0.5, counts=True).to_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"clip": 0}',
        '{"clip": -1}',
        '{"clip": NaN}',
        '{"clip": Infinity}',
        '{"clip": "1"}',
        '{"clip": 1, "deviation": -1}',
        '{"clip": 1, "deviation": NaN}',
        '{"clip": 1, "counts": 1}',
        '{"clip": 1, "clap": 1}',
        "[" * 1000,
    ],
)
def test_other_texts_are_no_terms(text):
    """A client that gets them sends no update."""
    with pytest.raises(InvalidInput, match="terms of privacy are invalid") as refusal:
        PrivacyTerms.from_text(text)

    assert refusal.value.field == "privacy"


def test_an_honest_clients_noise_is_not_cut():
    """The norm of 1,000 noises of 1,000 numbers stays below the bound, which is not far above."""
    terms = PrivacyTerms(1e-9, deviation=2.0)
    noise = GaussianNoise("02" * 32).draw(2.0, 1_000_000).reshape(1000, 1000)
    longest = (noise**2).sum(1).max() ** 0.5

    assert longest <= terms.norm_max(1000) < 1.2 * longest
