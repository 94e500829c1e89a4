"""The server functions' example, run as its README says."""

import re

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600)
def test_the_functions_choose_cool_down_and_reach_95_percent(printed):
    """On digits that nobody trained on; each client has trained about as often as the others."""
    rates = [float(rate) for rate in re.findall(r"learning rate ([\d.]+)", printed[0])]
    accuracies = re.findall(r"^round +\d+: ([\d.]+)$", printed[0], re.MULTILINE)
    trained = re.findall(r"client-\d (\d+)", printed[0])

    assert rates == pytest.approx([0.15 * 0.75**number for number in range(15)], abs=1e-4)
    assert len(accuracies) == 15
    assert float(accuracies[-1]) >= 0.95
    assert trained == ["10"] * 6


def test_a_network_started_by_hand_comes_as_far(printed):
    """Six clients, of which four train in each round; the command takes the file of the class."""
    *_, watched = printed
    rounds = re.findall(r"^ *\d+ +FINISHED +4 +\d+ +([\d.]+)", watched, re.MULTILINE)

    assert len(rounds) == 15
    assert float(rounds[-1]) >= 0.95
    assert "Session cooling: FINISHED." in watched
