"""What is there without import."""

from fednet.server_functions._offered import OFFERED


def test_the_document_names_all_that_is_offered(repository):
    """No more is promised, and nothing is there that nobody knows of."""
    text = (repository / "docs" / "server-functions.md").read_text()
    [line] = [line for line in text.splitlines() if line.startswith("Without import there are")]

    assert sorted(line.split("`")[1::2]) == sorted(OFFERED)
