"""The page on faults has a line for each fault that is tried, and no other."""

from chaos.report import BEGIN, END
from chaos.rows import QUICK, TABLE


def test_the_page_has_a_line_for_each_fault(repository):
    """Whoever adds a fault measures it, and writes the table anew."""
    page = (repository / "docs" / "reliability.md").read_text()
    table = page.partition(BEGIN)[2].partition(END)[0]
    lines = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines()[2:]]

    assert sorted(map(tuple, lines)) == sorted((row.moment, row.victim, row.fault) for row in TABLE)


def test_the_names_of_faults_differ():
    """A name finds one fault, and those of `make test` are among them."""
    assert len({str(row) for row in TABLE}) == len(TABLE)
    assert set(QUICK) <= set(TABLE)
    assert len(QUICK) == 4
