"""Revoked ids: written once, held in memory, and forgotten when the token has ended."""

import time

import pytest

from fednet import limits
from fednet.contract import Principal, Role
from fednet.controller.tokens.revocations import Revocations
from fednet.errors import Unauthenticated
from fednet.identity import Claims, TokenUse

CLIENT = Principal.of(Role.CLIENT, "an-id", "a")
PLACED = Claims.of(CLIENT, TokenUse.PLACEMENT, 60.0, parent="membership-id", id_="token-id")


@pytest.mark.parametrize("id_", ["token-id", "membership-id", "an-id"])
def test_a_token_is_refused_with_its_own_id_its_parents_or_its_principals(revocations, id_):
    """Tokens of others are not."""
    revocations.check(PLACED)

    revocations.add(id_)

    with pytest.raises(Unauthenticated, match=r"revoked|removed"):
        revocations.check(PLACED)
    revocations.check(Claims.of(Principal.of(Role.CLIENT, "other-id", "b")))


def test_a_revocation_outlives_the_process(records, revocations):
    """One of an earlier version has nothing but its id."""
    records.insert("revocations", {"id": "an-id"})
    revocations.add("other")
    later = Revocations(records)

    later.load()

    assert later.look_up("an-id")
    assert later.look_up("other")
    assert later.recent() == ["other"]


def test_a_revocation_is_forgotten_once_its_token_has_ended(records, revocations):
    """A principal's never is."""
    over = time.time() - limits.clock_skew_seconds_max - 1
    revocations.add("ended", over)
    revocations.add("a-principal")
    later = Revocations(records)

    later.load()

    assert [each["id"] for each in records.find("revocations")] == ["a-principal"]
    assert not later.look_up("ended")


def test_memory_forgets_revocations_of_tokens_that_have_ended(revocations, monkeypatch):
    """Once there are many; those that count stay."""
    monkeypatch.setattr(limits, "unpruned_revocations", 10)
    revocations._prune_at = limits.unpruned_revocations
    over = time.time() - limits.clock_skew_seconds_max - 1
    revocations.add("a-principal")

    for number in range(100):
        revocations.add(f"ended-{number}", over)

    assert len(revocations._known) <= 1 + limits.unpruned_revocations
    assert revocations.look_up("a-principal")


def test_a_revocation_that_another_controller_has_just_written_is_found(records, revocations):
    """Before the feed has told of it."""
    Revocations(records).add("an-id")

    assert revocations.look_up("an-id")
