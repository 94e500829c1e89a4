"""A fault at a moment of a round delays the session, and costs no training whose answer exists.

`make test` tries a few of them; `make chaos` tries all, and writes the table of `docs/reliability.md`.
"""

import pytest
from chaos.story import FAULTS, QUICK, TABLE, live

pytestmark = pytest.mark.timeout(300)  # each starts seven processes, on whatever machine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try the whole table with `--all-faults`, else a few rows of it."""
    rows = TABLE if metafunc.config.getoption("--all-faults") else QUICK
    metafunc.parametrize("row", rows, ids=str)


def test_a_fault_only_delays_the_session(scene, row, tmp_path, outcomes):
    """The session finishes all its rounds, and its model is that of the answers that counted."""
    fault = FAULTS[row.fault]

    outcome = live(scene, row.moment, lambda: fault(scene.network, row.victim), tmp_path)
    outcomes.append((row, outcome))

    assert (outcome.status, outcome.rounds) == ("FINISHED", 3), outcome
    assert outcome.trainings_lost <= row.trainings_lost_max, outcome
