"""The table of all faults and their outcomes, as Markdown."""

from collections.abc import Sequence

from .story import Outcome, Row

_HEAD = (
    "| at the moment | to | fault | outcome | seconds from the fault to the end | trainings lost |\n"
    "|---|---|---|---|---|---|\n"
)


def table(happened: Sequence[tuple[Row, Outcome]]) -> str:
    """Return a row for each fault, in the order of the table."""
    return _HEAD + "".join(_line(row, outcome) for row, outcome in happened)


def _line(row: Row, outcome: Outcome) -> str:
    cells = [
        row.moment,
        row.victim,
        row.fault,
        outcome.status,
        f"{outcome.seconds:.1f}",
        str(outcome.trainings_lost),
    ]
    return f"| {' | '.join(cells)} |\n"
