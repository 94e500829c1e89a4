"""A controller's name in a data folder belongs to one process."""

import pytest

from fednet import limits
from fednet.controller.name_lock import NameLock
from fednet.errors import FailedPrecondition


@pytest.fixture
def take(tmp_path):
    """Takes a name in the test's folder; all are released at the end."""
    taken = []

    def take_name(name):
        taken.append(NameLock.take(tmp_path, name))
        return taken[-1]

    yield take_name
    for each in taken:
        each.release()


def test_a_second_controller_cannot_have_the_name(take, tmp_path):
    """The error names the folder; another name in the same data folder is free."""
    take("a")

    with pytest.raises(FailedPrecondition, match=str(tmp_path)):
        take("a")
    assert take("b").name == "b"


def test_the_next_process_of_a_name_is_known_by_the_mark_of_its_folder(take):
    """So it takes over at once what the one before has left."""
    first = take("a")
    first.release()

    assert take("a").mark == first.mark
    assert take("b").mark != first.mark


def test_free_names_are_given_in_their_order_until_all_are_taken(tmp_path, monkeypatch):
    """Each worker of a server gets one."""
    monkeypatch.setattr(limits, "folder_controllers_max", 3)
    taken = [NameLock.take_free(tmp_path, "c") for _ in range(3)]

    with pytest.raises(FailedPrecondition):
        NameLock.take_free(tmp_path, "c")
    taken[1].release()
    again = NameLock.take_free(tmp_path, "c")

    assert [each.name for each in taken] == ["c.1", "c.2", "c.3"]
    assert again.name == "c.2"
    for each in (taken[0], taken[2], again):
        each.release()


def test_the_addresses_of_all_controllers_in_a_folder_are_told(take):
    """This one's first; those of processes that have ended are left out."""
    first, second, third = take("a"), take("b"), take("c")
    told = [first.announce("http://a"), second.announce("http://b"), third.announce("http://c")]
    first.release()
    again = second.announce("http://b")

    assert told == ["http://a", "http://b,http://a", "http://c,http://a,http://b"]
    assert again == "http://b,http://c"
