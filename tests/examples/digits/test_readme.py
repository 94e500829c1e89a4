"""The digits' example, run as its README says."""

import re

import pytest


@pytest.mark.timeout(600)
def test_ten_rounds_of_the_demo_reach_95_percent(printed):
    """On digits that nobody trained on, over a network of processes."""
    demo, _ = printed
    accuracy = re.search(r"Accuracy on held-out digits: ([\d.]+)", demo)[1]

    assert len(re.findall(r"FINISHED", demo)) == 10
    assert float(accuracy) >= 0.95


def test_fednet_is_installed_from_the_clone(printed):
    """The first command needs no registry for fednet itself."""
    assert "Successfully installed fednet-" in printed[0]


def test_the_commands_run_by_hand(printed):
    """The data is split, and the package trains and validates."""
    _, by_hand = printed

    assert by_hand.count("held out") == 5
