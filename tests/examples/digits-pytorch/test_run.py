"""The PyTorch example, run as its README says; collected only where PyTorch is installed."""

import re

import pytest


@pytest.mark.timeout(600)
def test_ten_rounds_reach_97_percent(printed):
    """On digits that nobody trained on."""
    accuracies = re.findall(r"^round +\d+: ([\d.]+)", printed[0], re.MULTILINE)

    assert len(accuracies) == 10
    assert float(accuracies[-1]) >= 0.97


def test_the_package_is_built_and_trains_on_one_machine(printed):
    """As its author tries it."""
    assert "seed.npz" in printed[1]
    assert "num_examples" in printed[1]


def test_a_network_started_by_hand_comes_as_far(printed):
    """Each client a process, with PyTorch loaded in one that stays for all its tasks."""
    *_, watched = printed
    rounds = re.findall(r"^ *\d+ +FINISHED +5 +\d+ +([\d.]+)", watched, re.MULTILINE)

    assert len(rounds) == 10
    assert float(rounds[-1]) >= 0.97
    assert "Session digits: FINISHED." in watched
