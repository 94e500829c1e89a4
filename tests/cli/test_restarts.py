"""The decision whether a component starts again, without processes and without a clock."""

import pytest

from fednet import limits
from fednet.cli._restarts import Restarts


@pytest.fixture(autouse=True)
def _bounds(monkeypatch):
    """Few restarts, and pauses that are as long as they can be."""
    monkeypatch.setattr(limits, "restarts_max", 3)
    monkeypatch.setattr(limits, "restart_window_seconds", 100.0)
    monkeypatch.setattr("fednet.backoff.random.uniform", lambda _, longest: longest)


def test_the_pause_grows_with_each_death():
    """It doubles from the first one on."""
    restarts = Restarts()

    pauses = [restarts.after_death(now) for now in (0.0, 1.0, 2.0)]

    assert pauses == [limits.retry_seconds_first * 2**power for power in range(3)]


def test_the_pause_is_capped(monkeypatch):
    """However many deaths there were."""
    monkeypatch.setattr(limits, "restarts_max", 20)
    restarts = Restarts()

    pauses = [restarts.after_death(float(now)) for now in range(20)]

    assert max(pauses) == pauses[-1] == limits.retry_seconds_max


def test_too_many_deaths_within_the_window_end_it():
    """One more than the restarts that are allowed."""
    restarts = Restarts()

    answers = [restarts.after_death(now) for now in (0.0, 1.0, 2.0, 99.9)]

    assert None not in answers[:3]
    assert answers[3] is None


def test_a_death_that_is_older_than_the_window_is_forgotten():
    """Neither the cap nor the pause knows of it."""
    restarts = Restarts()

    pauses = [restarts.after_death(now) for now in (0.0, 1.0, 2.0, 102.0)]

    assert pauses[3] == pauses[0]
