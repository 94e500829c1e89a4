"""The page of the command line."""


def test_every_exit_code_and_command_stands_in_it(repository):
    """They stand there as `--help` shows them."""
    page = (repository / "docs" / "cli.md").read_text()

    assert "| 130 | interrupted by Ctrl-C |" in page
    assert "### fednet session continue\n" in page
    assert "Usage: fednet client get-config [OPTIONS]" in page
