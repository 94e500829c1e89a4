"""The statuses of clients are written in batches, and only where they change."""

import pytest

from fednet.controller.client_statuses import ClientStatuses, all_offline


@pytest.fixture
def status(records):
    """Tells a client's status; there are the clients a and b, registered at c1."""
    for name in ("a", "b"):
        client = {"id": name, "name": name, "combiner": "c1", "status": "available"}
        records.insert("clients", client)
    return lambda name: records.get("clients", name)["status"]


@pytest.fixture
def statuses(records):
    return ClientStatuses(records)


def test_the_newest_status_of_a_client_counts(statuses, status):
    """However often it comes and goes in a batch."""
    statuses.online("a", "c1")
    statuses.offline("a", "c1")
    statuses.online("b", "c1")
    statuses.write()

    assert (status("a"), status("b")) == ("offline", "online")


def test_a_client_that_moved_is_not_offline_where_it_was(statuses, status, records):
    """An earlier combiner that loses it later does not count any more."""
    records.update("clients", "a", lambda _: {"combiner": "c2"})
    statuses.online("a", "c2")
    statuses.write()
    later = ClientStatuses(records)
    later.offline("a", "c1")
    later.write()

    assert status("a") == "online"


def test_a_combiner_changes_no_placement(statuses, status, records):
    """A client that it claims stays where the controller has placed it."""
    statuses.online("a", "c2")
    statuses.write()

    assert (status("a"), records.get("clients", "a")["combiner"]) == ("available", "c1")


@pytest.mark.usefixtures("status")
def test_a_status_that_is_there_is_not_written_again(statuses, records):
    """Two controllers hear the same of each client."""
    statuses.online("a", "c1")
    statuses.write()
    version = records.get("clients", "a")["version"]

    statuses.write()

    assert records.get("clients", "a")["version"] == version


def test_a_client_that_is_not_registered_is_named_and_holds_up_no_other(statuses, status, caplog):
    """It may have been removed."""
    statuses.online("nobody", "c1")
    statuses.online("a", "c1")
    statuses.write()

    assert status("a") == "online"
    assert "nobody that is not registered" in caplog.text


def test_at_the_first_start_nobody_is_connected(records, status):
    """What was true when the controllers died is not true any more."""
    all_offline(records)

    assert (status("a"), status("b")) == ("offline", "offline")


@pytest.mark.usefixtures("status")
def test_what_has_changed_is_told_once_by_whoever_changed_it(records):
    """Two controllers hear of the same client; one of them tells."""
    told = []
    first, second = (ClientStatuses(records, lambda *seen: told.append(seen)) for _ in range(2))
    for each in (first, second):
        each.online("a", "c1")
        each.write()
    first.offline("a", "c1")
    first.write()
    first.write()

    assert told == [("a", "c1", True), ("a", "c1", False)]
