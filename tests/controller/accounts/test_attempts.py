"""The bounds on guessing passwords."""

import pytest

from fednet import limits
from fednet.controller.accounts.attempts import LoginAttempts
from fednet.errors import Throttled


@pytest.fixture
def attempts(clock):
    return LoginAttempts(clock)


def fail(attempts, times, name="ada", address="10.0.0.1"):
    for _ in range(times):
        attempts.check(name, address)
        attempts.failed(name, address)


def test_after_many_failures_a_name_waits_at_its_address(attempts):
    """The refusal says how long; other names, and the same name elsewhere, pass."""
    fail(attempts, limits.login_failures_max)

    with pytest.raises(Throttled, match=r"Try again in 300 s"):
        attempts.check("ada", "10.0.0.1")
    attempts.check("bob", "10.0.0.1")
    attempts.check("ada", "10.0.0.2")


def test_nobody_is_locked_out_for_ever(attempts, clock):
    """The window moves on."""
    fail(attempts, limits.login_failures_max)

    clock.now += limits.login_window_seconds + 1

    attempts.check("ada", "10.0.0.1")


def test_an_address_that_tries_many_names_waits(attempts):
    """Whatever names it takes."""
    for number in range(limits.login_address_failures_max):
        fail(attempts, 1, name=f"name-{number}")

    with pytest.raises(Throttled):
        attempts.check("another", "10.0.0.1")
    attempts.check("another", "10.0.0.2")


def test_a_success_forgets_the_failures_of_the_name(attempts):
    """A person who has found the right password begins anew."""
    fail(attempts, limits.login_failures_max - 1)
    attempts.succeeded("ada", "10.0.0.1")

    fail(attempts, limits.login_failures_max - 1)
    attempts.check("ada", "10.0.0.1")


def test_memory_is_bounded(attempts, monkeypatch):
    """The oldest are forgotten first."""
    monkeypatch.setattr(limits, "login_addresses_max", 100)

    for number in range(200):
        fail(attempts, 1, address=f"10.0.{number}.1")

    assert len(attempts._failures) <= 100
