"""The reference page of the command line."""

from fednet.cli._reference import reference


def test_the_page_is_current(repository):
    """If not: `python -m fednet.cli._reference > docs/cli.md`."""
    assert (repository / "docs" / "cli.md").read_text() == reference()


def test_every_exit_code_and_command_stands_in_it():
    """As `--help` shows them."""
    page = reference()

    assert "| 130 | interrupted by Ctrl-C |" in page
    assert "### fednet session continue\n" in page
    assert "Usage: fednet client get-config [OPTIONS]" in page
