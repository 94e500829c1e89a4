"""Tokens that were verified before: which are remembered, and for how long."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fednet import limits
from fednet.contract import Principal, Role
from fednet.errors import Unauthenticated
from fednet.identity import Claims, Signer
from fednet.identity._known_tokens import KnownTokens

CLIENT = Principal.of(Role.CLIENT, "id-1", "hospital-1")
FOR_EVER = Claims.of(CLIENT)


def test_a_known_token_speaks_for_its_owner_until_it_ends():
    """From its last second on its signature and its end are checked anew."""
    known = KnownTokens()
    claims = replace(FOR_EVER, expires_at=100)
    known.add("token", claims)

    assert known.find("token", 99.9) == claims
    assert known.find("token", 100.0) is None
    assert known.find("another", 0.0) is None


def test_a_token_without_an_end_is_known_for_ever():
    """As the tokens of clients are by default."""
    known = KnownTokens()
    known.add("token", FOR_EVER)

    assert known.find("token", 1e12) == FOR_EVER


def test_the_tokens_used_last_are_remembered(monkeypatch):
    """As many as the limit says."""
    monkeypatch.setattr(limits, "known_tokens_max", 2)
    known = KnownTokens()
    for token in ("a", "b"):
        known.add(token, FOR_EVER)
    known.find("a", 0.0)
    known.add("c", FOR_EVER)

    assert [known.find(token, 0.0) for token in "abc"] == [FOR_EVER, None, FOR_EVER]


def test_a_token_like_a_known_one_is_refused():
    """Only the same text is the same token."""
    signer = Signer(Ed25519PrivateKey.generate())
    token = signer.sign(CLIENT)
    assert signer.verifier.verify(token) == CLIENT

    begin, signature = token.rsplit(".", 1)
    with pytest.raises(Unauthenticated):
        signer.verifier.verify(f"{begin}.{signature[::-1]}")
    assert signer.verifier.verify(token) == CLIENT
