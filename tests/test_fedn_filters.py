"""FEDn's keywords for the filters of APIClient's lists."""

import pytest

from fednet.errors import InvalidInput
from fednet.fedn_filters import in_our_words


@pytest.mark.parametrize(
    ("resource", "given", "filters"),
    [
        (
            "statuses",
            {"sender_name": "a", "sender_role": "WORKER"},
            {"source.name": "a", "source.kind": "client"},
        ),
        ("statuses", {"sender_role": "COMBINER"}, {"source.kind": "combiner"}),
        (
            "validations",
            {"correlation_id": "t", "sender_role": "WORKER"},
            {"task_id": "t"},
        ),
        (
            "predictions",
            {"correlation_id": "p", "sender_name": "a", "receiver_name": "c"},
            {"prediction_id": "p", "client.name": "a", "combiner": "c"},
        ),
        ("predictions", {"receiver_role": "COMBINER", "sender_role": None}, {}),
    ],
)
def test_each_keyword_stands_for_a_filter(resource, given, filters):
    """A role that every result has filters nothing."""
    assert in_our_words(resource, given) == filters


@pytest.mark.parametrize(
    ("resource", "given"),
    [
        ("statuses", {"correlation_id": "x"}),
        ("statuses", {"receiver_role": "COMBINER"}),
        ("validations", {"sender_role": "COMBINER"}),
        ("predictions", {"bogus": "x"}),
    ],
)
def test_a_keyword_that_filters_nothing_is_refused(resource, given):
    """The error names it."""
    with pytest.raises(InvalidInput) as error:
        in_our_words(resource, given)

    assert error.value.field in given
