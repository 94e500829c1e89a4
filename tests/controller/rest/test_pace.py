"""The least pace of a transfer."""

import pytest

from fednet import limits
from fednet.controller.rest.pace import Pace


def test_a_transfer_at_the_least_pace_may_last_without_end():
    """Its bytes earn the time that they take."""
    pace = Pace()
    for _ in range(1000):
        pace.note(10.0, 10 * limits.rest_bytes_per_second)

    assert pace.seconds_left == pytest.approx(limits.rest_slow_seconds_max)


@pytest.mark.parametrize("seconds", [1.0, 5.0, 59.0])
def test_a_slower_transfer_ends(seconds):
    """A byte now and then earns next to nothing."""
    pace, waits = Pace(), 0
    while pace.seconds_left > seconds:
        pace.note(seconds, 1)
        waits += 1

    assert waits * seconds <= limits.rest_slow_seconds_max


def test_a_fast_beginning_earns_no_more_than_the_longest_wait():
    """Nobody saves time for later."""
    pace = Pace()
    pace.note(0.0, 10 * limits.GIB)

    assert pace.seconds_left == limits.rest_slow_seconds_max
