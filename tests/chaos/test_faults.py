"""A fault at a moment of a round delays the session, and costs no training whose answer exists.

`make test` tries a few of them; `make chaos` tries all, and writes the table of `docs/reliability.md`.
"""

import pytest
from chaos.rows import QUICK, TABLE
from chaos.story import ROUNDS, live

pytestmark = pytest.mark.timeout(600)  # each starts seven processes, on whatever machine


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try the whole table with `--all-faults`, else a few rows of it."""
    rows = TABLE if metafunc.config.getoption("--all-faults") else QUICK
    metafunc.parametrize("row", rows, ids=str)


def test_a_fault_only_delays_the_session(scene, row, tmp_path, happened):
    """All rounds are done, and the model is that of an undisturbed run, but for updates of a client that is gone."""
    outcome = live(scene, row, tmp_path)
    happened(row, outcome)

    assert (outcome.status, outcome.rounds) == ("FINISHED", ROUNDS), outcome
    lost_max = row.trainings_lost_max_after(outcome.fault_seconds)
    assert outcome.trainings_lost <= lost_max, outcome
    assert outcome.updates_missing <= row.updates_missing_max, outcome
