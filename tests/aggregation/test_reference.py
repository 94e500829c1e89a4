"""The page on aggregators is made from the aggregators."""

from fednet.aggregation._reference import reference


def test_the_page_says_what_the_code_says(repository):
    """If not: `python -m fednet.aggregation._reference > docs/aggregators.md`."""
    assert (repository / "docs" / "aggregators.md").read_text() == reference()
