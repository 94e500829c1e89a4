"""The hospitals' example, run as its README says."""

import re

import pytest

pytestmark = pytest.mark.slow


def accuracy(text, words):
    return float(re.search(rf"{words}: +([\d.]+)", text)[1])


@pytest.mark.timeout(600)
def test_together_they_come_within_a_point_of_all_data_in_one_place(printed):
    """On patients whom nobody trained on."""
    together = accuracy(printed[0], "five hospitals together")
    pooled = accuracy(printed[0], "all data in one place")

    assert together >= pooled - 0.01
    assert together >= 0.95


def test_each_of_ten_rounds_is_shown(printed):
    """The first one brings the scale only."""
    assert len(re.findall(r"^round +\d+: ", printed[0], re.MULTILINE)) == 10
    assert accuracy(printed[0], "round  1") < accuracy(printed[0], "round 10")


def test_a_network_started_by_hand_comes_as_far(printed):
    """A controller, a combiner and the hospitals, each a process of its own."""
    *_, watched = printed
    rounds = re.findall(r"^ *\d+ +FINISHED +5 +\d+ +([\d.]+)", watched, re.MULTILINE)

    assert len(rounds) == 10
    assert float(rounds[-1]) >= accuracy(printed[0], "all data in one place") - 0.01
    assert "Session tumours: FINISHED." in watched
