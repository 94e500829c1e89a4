"""The pause before the next attempt."""

import random

from hypothesis import given
from hypothesis import strategies as st

from fednet import limits
from fednet.backoff import backoff_seconds


@given(st.integers(0, 10**9))
def test_a_pause_is_bounded_however_often_it_failed(failures):
    """Never negative, never longer than the limit."""
    assert 0 <= backoff_seconds(failures) <= limits.retry_seconds_max


def test_pauses_grow_by_doubling(monkeypatch):
    """The longest possible pause doubles with each failure, up to the limit."""
    monkeypatch.setattr(limits, "retry_seconds_first", 1.0)
    monkeypatch.setattr(limits, "retry_seconds_max", 10.0)
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)

    assert [backoff_seconds(failures) for failures in range(6)] == [1, 2, 4, 8, 10, 10]


def test_pauses_differ():
    """Clients that failed together do not come back together."""
    assert len({backoff_seconds(8) for _ in range(20)}) > 1
