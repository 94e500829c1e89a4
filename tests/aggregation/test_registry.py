"""Aggregators by name."""

import pytest

from fednet.aggregation import aggregator, aggregator_names
from fednet.errors import InvalidInput


def test_every_name_gives_its_aggregator():
    """Each listed name is that of the aggregator it gives."""
    assert "fedavg" in aggregator_names()
    assert [aggregator(name).name for name in aggregator_names()] == aggregator_names()


def test_no_settings_and_empty_settings_are_the_same():
    """None and {} both stand for the defaults."""
    assert aggregator("fedavg") == aggregator("fedavg", {})


def test_an_unknown_name_is_refused_with_those_there_are():
    """The refusal lists the names to choose from."""
    with pytest.raises(InvalidInput, match=r"'fedmean'.*fedavg") as caught:
        aggregator("fedmean")

    assert caught.value.field == "aggregator"


def test_an_unknown_setting_is_refused_by_name():
    """A misspelt setting is not ignored."""
    with pytest.raises(InvalidInput, match="'learning_rat'") as caught:
        aggregator("fedavg", {"learning_rat": 0.1})

    assert caught.value.field == "aggregator_kwargs"
