"""A clock that tests set."""

import pytest


class Clock:
    """Returns the time that a test has set, in seconds.

    Attributes:
        now: The time.
    """

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()
