"""The controller's documents."""

import threading
import uuid

import pytest

from fednet.controller.records import COLLECTIONS, new_id, timestamp
from fednet.errors import AlreadyExists, NotFound
from fednet.storage import Query

NATURAL_KEYS = {
    "sessions": "session_id",
    "rounds": "round_id",
    "clients": "name",
    "combiners": "name",
}


def test_every_id_is_a_new_uuid():
    """Ids are ours, and say nothing."""
    assert len({uuid.UUID(new_id()) for _ in range(100)}) == 100


def test_timestamps_sort_by_time():
    """As texts, and in UTC."""
    times = [timestamp() for _ in range(100)]

    assert times == sorted(times)
    assert times[0].endswith("Z")


def test_a_document_without_an_id_gets_one(records):
    """The store's version comes with it."""
    inserted = records.insert("statuses", {"type": "LOG"})

    assert records.get("statuses", inserted["id"]) == inserted
    assert inserted["version"] == 1


@pytest.mark.parametrize(("collection", "key"), NATURAL_KEYS.items())
def test_a_document_is_found_by_its_natural_key(records, collection, key):
    """A person need not know the id."""
    inserted = records.insert(collection, {key: "known"})

    assert records.get(collection, "known") == inserted
    assert records.get(collection, inserted["id"]) == inserted
    with pytest.raises(AlreadyExists):
        records.insert(collection, {key: "known"})


@pytest.mark.parametrize("collection", [each.name for each in COLLECTIONS])
def test_what_is_not_there_is_not_found(records, collection):
    """The error names what was asked for."""
    with pytest.raises(NotFound, match="nobody"):
        records.get(collection, "nobody")

    assert records.lookup(collection, "nobody") is None


def test_an_update_sees_what_others_wrote(records):
    """No change is lost when many write at once."""
    document = records.insert("statuses", {"count": 0})

    def add_ten():
        for _ in range(10):
            records.update("statuses", document["id"], lambda now: {"count": now["count"] + 1})

    threads = [threading.Thread(target=add_ten) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert records.get("statuses", document["id"])["count"] == 40


def test_an_update_without_changes_writes_nothing(records):
    """The version stays, so that nobody is woken."""
    document = records.insert("statuses", {"count": 0})

    assert records.update("statuses", document["id"], lambda _: {}) == document


def test_the_active_things_are_set_one_by_one(records):
    """What was set before stays."""
    assert records.active()["model_id"] is None

    records.set_active(model_id="m")
    records.set_active(package_id="p", helper="numpyhelper")

    active = records.active()
    assert (active["model_id"], active["package_id"]) == ("m", "p")
    assert active["helper"] == "numpyhelper"
    assert records.count("network") == 1


def test_find_and_count_take_a_query(records):
    """Both go straight to the store."""
    for name in "abc":
        records.insert("clients", {"name": name, "status": "online" if name != "b" else "offline"})

    online = Query(where={"status": "online"}, sort="name")

    assert [each["name"] for each in records.find("clients", online)] == ["a", "c"]
    assert records.count("clients", online) == 2
    assert records.count("clients") == 3
