"""Feeds on state stores of each kind."""

from contextlib import closing

import pytest

from fednet.controller.feed.log import FeedLog
from fednet.controller.records import COLLECTIONS, Records
from fednet.storage import open_documents


@pytest.fixture(params=("memory", "sqlite", "postgresql", "mongodb"))
def store_url(request, tmp_path):
    """The URL of an empty state store of each kind."""
    here = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/state.db"}
    return here.get(request.param) or request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def stored(store_url):
    """The records in a store of each kind."""
    with closing(open_documents(store_url, COLLECTIONS)) as documents:
        yield Records(documents)


@pytest.fixture
def new_log(records):
    """Opens a log of one more controller on the store in memory."""
    return lambda name="here": FeedLog(records, name)
