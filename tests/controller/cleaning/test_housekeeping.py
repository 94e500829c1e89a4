"""The thread that cleans from time to time."""

import threading

import pytest

from fednet import limits
from fednet.controller.cleaning.cleaner import Cleaner
from fednet.controller.cleaning.housekeeping import Housekeeping
from fednet.controller.cleaning.rules import Rule
from fednet.errors import Unavailable

SECONDS = 60


@pytest.fixture
def keep_house(records, blobs, auditor, rules, monkeypatch):
    """Cleans all the time, until a function has been called some times."""
    monkeypatch.setattr(limits, "cleaning_seconds", 0.0)

    def until(is_due_here, calls, **changed):
        enough, left = threading.Event(), [calls]

        def asked():
            left[0] -= 1
            if left[0] < 0:
                enough.set()
            return is_due_here()

        house = Housekeeping(Cleaner(records, blobs, auditor.log, rules | changed), asked)
        assert enough.wait(SECONDS)
        house.close()

    return until


def test_one_controller_cleans(keep_house, add_trail, model_ids):
    """The others do not."""
    trail = add_trail("s", 4)

    keep_house(lambda: False, 2, models=Rule(kept_max=1))
    assert model_ids() == set(trail)
    keep_house(lambda: True, 1, models=Rule(kept_max=1))
    assert model_ids() == {trail[-1]}


def test_a_store_that_is_away_is_cleaned_the_next_time(keep_house, add_trail, model_ids):
    """The thread goes on."""
    trail, answers = add_trail("s", 2), iter([Unavailable("away"), ValueError("odd")])

    def is_due_here():
        for error in answers:
            raise error
        return True

    keep_house(is_due_here, 3, models=Rule(kept_max=1))

    assert model_ids() == {trail[-1]}
