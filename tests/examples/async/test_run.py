"""The example of clients that do not wait for each other, run as its README says."""

import re

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600)
def test_the_same_work_is_done_twice_as_soon_and_as_well(printed):
    """One client in five is ten times slower: fedbuff does not wait for it, and loses no point."""
    figures = re.findall(
        r"(\w+): +(\d+) updates in +([\d.]+) seconds, accuracy ([\d.]+)", printed[0]
    )

    (waited, *fedavg), (buffered, *fedbuff) = figures
    assert (waited, buffered) == ("fedavg", "fedbuff")
    assert fedavg[0] == fedbuff[0]
    assert float(fedavg[1]) >= 2 * float(fedbuff[1])
    assert float(fedbuff[2]) >= float(fedavg[2]) - 0.01
    assert float(fedavg[2]) > 0.9


def test_a_slow_client_trains_by_hand(printed):
    """As a site tries it on one machine."""
    assert "seed.npz" in printed[1]
    assert "num_examples" in printed[1]


def test_a_network_started_by_hand_comes_as_far(printed):
    """Each client a process of its own, one of them slow; every round has its four updates."""
    *_, watched = printed
    rounds = re.findall(r"^ *\d+ +FINISHED +4 +\d+ +([\d.]+)", watched, re.MULTILINE)

    assert len(rounds) == 15
    assert float(rounds[-1]) > 0.9
    assert "Session hurried: FINISHED." in watched
