"""The table of all faults and their outcomes, as Markdown, however many processes run the tests.

A plugin: each test hands its outcome over with its report, and the process that hears of all of them writes the table.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from .rows import TABLE, Row
from .story import Outcome

BEGIN = "<!-- begin of the generated table -->\n"
END = "<!-- end of the generated table -->\n"
_PROPERTY = "fault"
_HEAD = (
    "| at the moment | to | fault | outcome | seconds to the end | seconds lost | trainings lost |\n"
    "|---|---|---|---|---|---|---|\n"
)
_OUTCOMES = pytest.StashKey[dict[str, Outcome]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="try all faults of tests/chaos")
    parser.addoption(
        "--faults-table",
        type=Path,
        help="the file to write their outcomes to; between its marks, where it has marks",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_OUTCOMES] = {}
    config.pluginmanager.register(_Collector(config))


class _Collector:
    """Collects the outcomes of all tests, and writes the table after each: a run that breaks off has one, too."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties if report.when == "call" else ():
            if name == _PROPERTY:
                row, outcome = json.loads(str(value))
                self._config.stash[_OUTCOMES][row] = Outcome(**outcome)
                self._write()

    def _write(self) -> None:
        path = self._config.getoption("--faults-table")
        if path and not hasattr(self._config, "workerinput"):
            _write(path, table(self._config.stash[_OUTCOMES]))


@pytest.fixture
def happened(
    record_property: Callable[[str, object], None],
) -> Callable[[Row, Outcome], None]:
    """Note the outcome of a fault."""
    return lambda row, outcome: record_property(_PROPERTY, json.dumps([str(row), asdict(outcome)]))


def table(outcomes: dict[str, Outcome]) -> str:
    """Return a line for each fault that was tried, in the order of the table."""
    undisturbed = {
        row.moment: outcomes[str(row)].seconds
        for row in TABLE
        if row.fault == "none" and str(row) in outcomes
    }
    lines = [
        _line(row, outcomes[str(row)], undisturbed.get(row.moment))
        for row in sorted(TABLE, key=lambda row: _ORDER.index(row.moment))
        if str(row) in outcomes
    ]
    return _HEAD + "".join(lines)


_ORDER = list(dict.fromkeys(row.moment for row in TABLE))


def _line(row: Row, outcome: Outcome, undisturbed: float | None) -> str:
    lost = "" if undisturbed is None else f"{max(0.0, outcome.seconds - undisturbed):.1f}"
    seconds, trainings = f"{outcome.seconds:.1f}", str(outcome.trainings_lost)
    cells = [row.moment, row.victim, row.fault, outcome.status, seconds, lost, trainings]
    return f"| {' | '.join(cells)} |\n"


def _write(path: Path, text: str) -> None:
    """Write the table, between the marks of the file if it has them."""
    if path.exists() and BEGIN in (page := path.read_text()):
        before, _, rest = page.partition(BEGIN)
        text = before + BEGIN + text + END + rest.partition(END)[2]
    path.write_text(text)
