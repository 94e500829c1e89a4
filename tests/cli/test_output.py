"""What the commands show."""

import pytest

from fednet.cli import _output


def test_a_table_is_aligned_and_shows_none_as_a_dash(capsys):
    """Texts stand on the left, numbers on the right, and nothing is drawn where no terminal is."""
    _output.show_table(("name", "clients"), [["first", 5], ["a", None], ["[b]", 10]])

    assert capsys.readouterr().out == (
        "name   clients\nfirst        5\na            -\n[b]         10\n"
    )


def test_a_table_without_rows_shows_its_columns(capsys):
    """An empty list is a list."""
    _output.show_table(("name", "status"), [])

    assert capsys.readouterr().out.split() == ["name", "status"]


def test_rich_tables_show_the_same_cells(capsys):
    """Square brackets in a cell are no markup."""
    _output._rich_table(("name", "clients"), [["[b]", 10], ["a", None]])

    output = capsys.readouterr().out
    assert "[b]" in output
    assert "10" in output


UUID = "4e1f9c2a-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (200, [36, 8, 30, 6]),
        (89, [36, 8, 26, 6]),
        (70, [36, 8, 7, 6]),
        (69, [36, 8, 15]),
        (54, [36, 8]),
        (45, [36]),
        (20, [16]),
    ],
)
def test_fewer_columns_are_shown_before_a_word_is_broken(width, widths):
    """The first ones, which say what a row is; a long text gets the room that is left."""
    columns = ("id", "status", "message", "number")
    rows = [[UUID, "FINISHED", "all the rounds of it are done.", "7"]]

    found = _output.fitting_widths(columns, rows, width)

    assert found == widths
    assert sum(found) + 3 * len(found) + 1 <= max(width, 20)


def test_a_narrow_terminal_is_told_what_is_missing(capsys, monkeypatch):
    """Every word that is shown is whole."""
    monkeypatch.setenv("COLUMNS", "50")

    _output._rich_table(("id", "status", "clients"), [[UUID, "FINISHED", 5]])

    shown, told = capsys.readouterr()
    assert UUID in shown
    assert "clients" not in shown
    assert told == "Not shown: status, clients. Widen the window, or use --json.\n"


def test_progress_prints_a_line_at_each_change(capsys):
    """What is said twice is shown once."""
    with _output.progress() as show:
        show(0, 2, "round 1/2")
        show(0, 2, "round 1/2")
        show(1, 2, "round 2/2")

    assert capsys.readouterr().out == "round 1/2\nround 2/2\n"


def test_quiet_progress_prints_nothing(capsys):
    """With --json, stdout holds the result alone."""
    with _output.progress(quiet=True) as show:
        show(0, 2, "round 1/2")

    assert capsys.readouterr().out == ""


def test_rich_progress_takes_markup_as_text():
    """A reason in square brackets must not break the display."""
    with _output._rich_progress() as show:
        show(1, 2, "round [/] 1")


def test_what_could_steer_a_terminal_is_shown_as_text(capsys):
    """Clients write some of what is shown: a new line or an escape code stays in its cell."""
    _output.show_table(("data",), [["a\nb\x1b[2Jé"]])

    assert capsys.readouterr().out == "data\na\\nb\\x1b[2Jé\n"


def test_a_record_is_shown_field_by_field(capsys):
    """What is nested is JSON; None is a dash."""
    _output.show_record({"name": "a", "config": {"rounds": 2}, "ip": None})

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in lines] == [
        ["field", "value"],
        ["name", "a"],
        ["config", '{"rounds": 2}'],
        ["ip", "-"],
    ]


def test_a_text_of_several_lines_is_shown_below_a_record(capsys):
    """A traceback is read line by line; control characters of clients do nothing."""
    trace = "Traceback:\n\tFile 1\nValueError: \x1b[2J"

    _output.show_record({"message": "failed", "details": {"why": "code", "traceback": trace}})

    table, _, below = capsys.readouterr().out.partition("\n\n")
    assert table.splitlines()[-1].split(maxsplit=1) == ["details", '{"why": "code"}']
    assert below.splitlines() == [
        "details.traceback:",
        "  Traceback:",
        "          File 1",
        r"  ValueError: \x1b[2J",
    ]


def test_work_of_unknown_length_is_told_in_lines_where_no_terminal_is(capsys):
    """On stderr: the result stands alone on stdout."""
    with _output.working("uploading") as say:
        say("half of it")

    assert capsys.readouterr() == ("", "half of it\n")


def test_a_column_may_lead_into_an_object():
    """By a dot; where there is no object, the cell is empty."""
    records = [{"client": {"name": "a"}}, {"client": None}, {}]

    assert _output.columns_of(records, ("client.name",)) == [["a"], [None], [None]]


@pytest.mark.parametrize("records", [[], [{"a": 1}, {"a": 2, "b": "x"}]])
def test_columns_of_fills_what_a_record_lacks(records):
    """A field that a record lacks is None."""
    rows = _output.columns_of(records, ("a", "b"))

    assert rows == [[record["a"], record.get("b")] for record in records]
