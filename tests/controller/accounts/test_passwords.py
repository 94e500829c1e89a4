"""Passwords and their hashes."""

import pytest

from fednet import limits
from fednet.controller.accounts.passwords import Passwords
from fednet.errors import InvalidInput, Unavailable

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def passwords():
    return Passwords()


def test_a_password_is_right_for_its_own_hash_only(passwords):
    """The hash is argon2id, and says nothing of the password."""
    hashed = passwords.hash(PASSWORD)

    assert passwords.is_right(PASSWORD, hashed)
    assert not passwords.is_right(PASSWORD + "!", hashed)
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in hashed


def test_two_hashes_of_one_password_differ(passwords):
    """Each has a salt of its own."""
    assert passwords.hash(PASSWORD) != passwords.hash(PASSWORD)


def test_where_there_is_no_account_no_password_is_right(passwords, monkeypatch):
    """A hash is computed all the same, so that the time does not tell which names there are."""
    verified = []
    hasher = passwords._hasher
    monkeypatch.setattr(
        type(hasher), "verify", lambda _, hashed, __: bool(verified.append(hashed)) or True
    )

    assert not passwords.is_right(PASSWORD, None)
    assert len(verified) == 1


@pytest.mark.parametrize("length", [0, limits.password_characters_min - 1, 257])
def test_a_password_has_12_to_256_characters(passwords, length):
    """The refusal names the length, never the password."""
    with pytest.raises(InvalidInput, match=f"has {length} characters") as caught:
        passwords.hash("x" * length)

    assert caught.value.field == "password"


def test_only_a_few_are_checked_at_a_time(monkeypatch):
    """Each takes 64 MiB: whoever finds no place in time is told to come again."""
    monkeypatch.setattr(limits, "password_wait_seconds_max", 0.0)
    full = Passwords()
    for _ in range(limits.password_checks_max):
        full._places.acquire()

    with pytest.raises(Unavailable, match="Try again"):
        full.hash(PASSWORD)
    full._places.release()

    assert full.hash(PASSWORD)
