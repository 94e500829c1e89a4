"""A fault at a moment of a round delays the session, and costs no training whose answer exists."""

import pytest
from chaos.story import FAULTS, TABLE, live

pytestmark = pytest.mark.timeout(300)
QUICK = {
    ("controller-1", "kill -9 and return", "half have answered"),
    ("combiner-1", "kill -9 and return", "half have answered"),
    ("combiner-1", "kill -9 for good", "all train"),
    ("client-1", "kill -9 and return", "all train"),
}


@pytest.mark.parametrize(("victim", "fault", "moment"), TABLE)
def test_a_fault_only_delays_the_session(scene, victim, fault, moment, tmp_path, record_property):
    """The session finishes all its rounds with the model of the answers that counted."""
    outcome = live(scene, moment, lambda: FAULTS[fault](scene.network, victim), tmp_path)
    record_property("outcome", outcome)
    print(victim, fault, moment, outcome)

    assert (outcome.status, outcome.rounds) == ("FINISHED", 3), outcome
