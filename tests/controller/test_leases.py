"""Leases on the names of controllers, on every state store: who lives is told by renewals, not by clocks."""

import pytest

from fednet import limits
from fednet.controller.leases import Leases, Observer
from fednet.controller.records import COLLECTIONS, Records
from fednet.errors import Conflict, FailedPrecondition
from fednet.storage import open_documents

ADDRESS = "http://127.0.0.1:1"


@pytest.fixture(params=["memory", "sqlite", "mongodb", "postgresql"])
def shared(request, tmp_path):
    """Documents that all controllers of a test share, in each of the stores."""
    match request.param:
        case "memory":
            url = "memory://"
        case "sqlite":
            url = f"sqlite:///{tmp_path / 'state.db'}"
        case kind:
            url = request.getfixturevalue(f"{kind}_url")
    documents = open_documents(url, COLLECTIONS)
    yield Records(documents)
    documents.close()


@pytest.fixture
def take(shared):
    """Lets a new process take a name."""

    def taken(name="c", mark="folder-1"):
        leases = Leases(shared, name, mark)
        leases.take(ADDRESS)
        return leases

    return taken


def test_a_controller_lives_while_it_renews_and_not_after_it_has_released(take):
    """Others see both."""
    first, other = take("a"), take("b", "folder-2")
    first.renew()

    living = other.look()
    first.release()

    assert first.owner["incarnation"] in living
    assert living[first.owner["incarnation"]]["address"] == ADDRESS
    assert first.owner["incarnation"] not in other.look()


def test_of_controllers_that_start_at_once_one_is_the_first(take):
    """Although each sees the other; one that comes later is not the first, also once that one is gone."""
    both = take("a"), take("b", "folder-2")

    assert sorted(each.is_first() for each in both) == [False, True]

    both[0].release()
    assert not take("c", "folder-3").is_first()


def test_the_process_that_comes_back_is_not_the_first(take):
    """The other one has gone on meanwhile."""
    take("a"), take("b", "folder-2")

    assert not take("a").is_first()


def test_the_process_that_comes_back_alone_is_the_first(take):
    """Nobody has looked after the clients meanwhile."""
    take("a").release()

    assert take("a").is_first()


def test_the_next_process_of_a_folder_takes_the_name_at_once(take):
    """It has the folder's lock, so the one before is dead, and is not alive under the same name any more."""
    before, after = take(), take()

    assert before.owner["incarnation"] not in after.look()
    assert after.look()[after.owner["incarnation"]]["term"] == 2
    assert after.seconds_away(before.owner) < 60


def test_a_process_whose_name_was_taken_cannot_renew(take):
    """It learns that it is not that controller any more."""
    before, _ = take(), take()

    with pytest.raises(Conflict):
        before.renew()
    assert not before.is_held


def test_a_name_that_was_released_is_free_for_any_folder(take):
    """Its holder said so itself."""
    take().release()

    assert take(mark="folder-2").is_held


def test_a_name_that_is_renewed_from_another_folder_is_refused(shared, take, monkeypatch):
    """The error names the address of its holder."""
    monkeypatch.setattr(limits, "lease_seconds", 0.01)
    holder, update = take(), shared.documents.update

    def renewed_meanwhile(*arguments, **options):
        monkeypatch.undo()
        holder.renew()
        return update(*arguments, **options)

    monkeypatch.setattr(shared.documents, "update", renewed_meanwhile)
    with pytest.raises(FailedPrecondition, match=ADDRESS) as refusal:
        take(mark="folder-2")

    assert refusal.value.field == "name"


def test_a_name_whose_lease_has_expired_is_taken_from_another_folder(take, monkeypatch):
    """Its holder has not renewed it for the length of a lease."""
    monkeypatch.setattr(limits, "lease_seconds", 0.01)
    take()

    assert take(mark="folder-2").is_held


def test_a_lease_that_was_lost_with_its_store_is_written_again(shared, take):
    """A store may be restored under a running controller."""
    leases = take()
    shared.documents.delete("controllers", "c")

    leases.renew()

    assert leases.owner["incarnation"] in leases.look()


def lease(version, *, is_released=False):
    return {
        "id": "c",
        "incarnation": "i",
        "version": version,
        "is_released": is_released,
    }


def test_a_lease_expires_by_the_observers_own_clock():
    """It counts from the moment at which the observer saw it change."""
    observer = Observer()

    assert "i" in observer.living([lease(1)], 1000.0)
    assert "i" in observer.living([lease(1)], 1000.0 + limits.lease_seconds - 0.1)
    assert "i" in observer.living([lease(2)], 1000.0 + limits.lease_seconds)
    assert observer.next_expiry(1000.0 + limits.lease_seconds) == limits.lease_seconds
    assert "i" not in observer.living([lease(2)], 1000.0 + 2 * limits.lease_seconds)
    assert observer.next_expiry(1000.0 + 2 * limits.lease_seconds) == float("inf")


def test_a_lease_that_is_not_renewed_is_over_within_ten_seconds():
    """An observer sees the last renewal when it renews its own lease, at the latest."""
    assert limits.lease_renew_seconds + limits.lease_seconds < 10
