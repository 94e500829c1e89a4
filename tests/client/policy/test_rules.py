"""The rules of the three policies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.client.policy.rules import is_allowed
from fednet.client.policy.subjects import (
    Subject,
    package_subject,
    settings_subject,
    undeclared,
)
from fednet.packages import declared_settings

SIGNED = package_subject("p", frozenset({"k1", "k2"}), contents="c")
SETTINGS = settings_subject("s", "p", {"layers": 3})


def allowed(subject, policy, approved=(), revoked=(), trusted=()):
    return is_allowed(subject, policy, approved=approved, revoked=revoked, trusted=trusted)


def test_each_policy_allows_more_than_the_one_before():
    """Approved, signed by a trusted key, everything."""
    policies = ("pinned", "signed", "any")

    assert [allowed(SIGNED, each, approved={"p"}) for each in policies] == [True, True, True]
    assert [allowed(SIGNED, each, trusted={"k2"}) for each in policies] == [False, True, True]
    assert [allowed(SIGNED, each, trusted={"k3"}) for each in policies] == [False, False, True]


@pytest.mark.parametrize("policy", ["pinned", "signed", "any"])
def test_a_revoked_digest_is_refused_under_each_policy(policy):
    """The owner's no counts more than a key, and more than `any`."""
    assert not allowed(SIGNED, policy, revoked={"p"}, trusted={"k1"})


@pytest.mark.parametrize("policy", ["pinned", "signed", "any"])
def test_revoked_contents_are_refused_under_each_policy(policy):
    """In another archive, which has the same signatures."""
    repacked = package_subject("q", SIGNED.signers, contents="c")

    assert not allowed(repacked, policy, approved={"q"}, revoked={"p", "c"}, trusted={"k1"})


def test_a_key_signs_no_settings():
    """A signature covers what the package declares, and nothing else."""
    assert [
        allowed(SETTINGS, "signed", approved=approved, trusted={"k1"})
        for approved in ({"p"}, {SETTINGS.digest})
    ] == [False, True]


def test_the_settings_of_fednet_itself_need_no_declaration():
    """Unless their value is of another kind."""
    assert undeclared({"session_id": "s", "round": 1, "rounds": 3}, {}) == {}
    assert undeclared({"round": "1; rm"}, {}) == {"round": "1; rm"}


def test_settings_outside_of_their_declaration_are_undeclared():
    """Each with its value, so that an approval covers this value alone."""
    declared = declared_settings({"rate": {"type": "number", "max": 1}})

    assert undeclared({"rate": 0.5}, declared) == {}
    assert undeclared({"rate": 2, "x": None}, declared) == {"rate": 2, "x": None}


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists)
settings = st.dictionaries(st.text(), json_values, min_size=1)


@given(settings, settings)
def test_the_digest_of_settings_is_that_of_their_values(some, others):
    """In whichever order, for whichever session; other values or another package have another one."""
    turned = dict(reversed(some.items()))
    digest = settings_subject("s", "p", some).digest

    assert settings_subject("t", "p", turned).digest == digest
    assert settings_subject("s", "q", some).digest != digest
    same = repr(sorted(some.items())) == repr(sorted(others.items()))
    assert (settings_subject("s", "p", others).digest == digest) == same


@given(settings)
def test_a_subject_survives_its_document(values):
    """As it is stored between two processes."""
    subject = settings_subject("s", "p", values)

    assert Subject.from_dict(subject.to_dict()) == subject
    stored = Subject.from_dict(SIGNED.to_dict())
    assert (stored.signers, stored.contents) == (SIGNED.signers, SIGNED.contents)
