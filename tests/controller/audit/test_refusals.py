"""Refusals in the audit log: bounded, however many there are."""

import pytest

from fednet import limits
from fednet.controller.audit.entries import AuditDraft, Outcome
from fednet.controller.audit.refusals import AuditRefusals


@pytest.fixture
def told():
    return []


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def refusals(told, now):
    return AuditRefusals(told.append, lambda: now[0])


def draft(address="10.0.0.1", code="unauthenticated"):
    nobody, nothing = {"kind": "", "id": "", "name": ""}, {"kind": "", "id": ""}
    return AuditDraft("t", nobody, "x:y", "GET /x", nothing, address, Outcome.REFUSED, code)


def test_the_first_is_told_at_once_and_the_others_as_a_count(refusals, told, now):
    """A flood costs one entry a minute."""
    for _ in range(1_000):
        refusals.add(draft())
    assert [each.count for each in told] == [1]

    now[0] = limits.audit_refusals_seconds + 1
    refusals.add(draft())

    assert [each.count for each in told] == [1, 999, 1]


def test_addresses_and_kinds_are_told_apart(refusals, told):
    """Each has its own first."""
    refusals.add(draft())
    refusals.add(draft(code="permission_denied"))
    refusals.add(draft(address="10.0.0.2"))

    assert [each.count for each in told] == [1, 1, 1]


def test_beyond_many_addresses_the_others_are_one(refusals, told, monkeypatch):
    """So that a flood from everywhere is bounded, too."""
    monkeypatch.setattr(limits, "audit_addresses_max", 10)

    for number in range(100):
        refusals.add(draft(address=f"10.0.0.{number}"))
    refusals.close()

    assert len(told) <= 12
    assert sum(each.count for each in told) == 100
    assert told[-1].address == "others"


def test_what_was_counted_is_told_at_the_end(refusals, told):
    """A controller that stops loses none."""
    refusals.add(draft())
    refusals.add(draft())

    refusals.close()

    assert [each.count for each in told] == [1, 1]
