"""The owner's decisions on disk, and the bell that tells an agent of them."""

import queue
import threading

import pytest

from fednet import limits
from fednet.client.policy.approvals import Approvals, OwnersDecision
from fednet.client.policy.bell import Bell, ring
from fednet.client.policy.waiting import read_waiting
from fednet.errors import FailedPrecondition, LimitExceeded


def decision(digest, *, is_approved=True):
    return OwnersDecision(digest, is_approved, "2026-01-01T00:00:00+00:00", "ada")


def test_the_last_decision_about_a_digest_counts(tmp_path):
    """Another process reads the same."""
    approvals = Approvals(tmp_path)
    for each in (decision("a"), decision("b"), decision("a", is_approved=False)):
        approvals.decide(each)

    assert Approvals(tmp_path).decisions() == [decision("b"), decision("a", is_approved=False)]
    assert (tmp_path / "approvals.json").stat().st_mode & 0o777 == 0o600


def test_decisions_at_the_same_time_are_all_kept(tmp_path):
    """Two owners may work at once."""
    threads = [
        threading.Thread(target=lambda name=name: Approvals(tmp_path).decide(decision(name)))
        for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each.digest for each in Approvals(tmp_path).decisions()) == list("abcdefgh")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"format": 2, "decisions": []}', b"[1]", b"\xff"]
)
def test_a_damaged_file_approves_nothing(tmp_path, content):
    """The error names it."""
    (tmp_path / "approvals.json").write_bytes(content)

    with pytest.raises(FailedPrecondition, match=r"approvals\.json"):
        Approvals(tmp_path).decisions()


def test_damaged_waiting_subjects_are_forgotten(tmp_path):
    """They come again with the next task."""
    (tmp_path / "waiting.json").write_bytes(b'{"format": 1, "waiting": [{}]}')

    assert read_waiting(tmp_path) == []


def test_there_are_at_most_so_many_decisions(tmp_path, monkeypatch):
    """One more than the limit; a change of an old one is allowed."""
    monkeypatch.setattr(limits, "owners_decisions_max", 2)
    approvals = Approvals(tmp_path)
    approvals.decide(decision("a"))
    approvals.decide(decision("b"))

    with pytest.raises(LimitExceeded):
        approvals.decide(decision("c"))
    approvals.decide(decision("a", is_approved=False))


def test_the_archive_of_the_last_approved_package_is_kept(tmp_path):
    """The one before makes room; a revoked one does not count."""
    approvals = Approvals(tmp_path)
    (tmp_path / "package").write_bytes(b"x")
    for digest in ("a", "b"):
        approvals.decide(decision(digest))
        approvals.keep_archive(digest, tmp_path / "package")
    last = approvals.last_archive()
    approvals.decide(decision("b", is_approved=False))

    assert [path.name for path in (tmp_path / "approved").iterdir()] == ["b"]
    assert last == tmp_path / "approved" / "b"
    assert approvals.last_archive() is None


def test_a_ring_is_heard_at_once(tmp_path):
    """Only while an agent listens."""
    heard = queue.Queue()
    bell = Bell(tmp_path, lambda: heard.put("ring"))
    before = ring(tmp_path)
    bell.hang()
    heard.get(timeout=60)
    during = ring(tmp_path)
    first = heard.get(timeout=60)
    mode = (tmp_path / "approvals.bell").stat().st_mode & 0o777
    bell.close()

    assert (before, during, ring(tmp_path)) == (False, True, False)
    assert (first, mode) == ("ring", 0o600)


def test_a_bell_is_heard_once_when_it_begins_to_listen(tmp_path):
    """The owner may have decided after the agent has read the decisions, and rung in vain."""
    heard = queue.Queue()
    bell = Bell(tmp_path, lambda: heard.put("decided"))
    ring(tmp_path)

    assert bell.hang()
    assert heard.get(timeout=60) == "decided"
    bell.close()


def test_a_bell_that_cannot_be_made_says_so(tmp_path):
    """For instance on a file system without FIFOs."""
    (tmp_path / "approvals.bell").mkdir()
    bell = Bell(tmp_path, lambda: None)

    assert bell.hang() is False
    bell.close()


def test_a_bell_outlives_an_error_of_its_listener(tmp_path):
    """The next ring is heard as well."""
    heard = queue.Queue()

    def fail():
        heard.put("ring")
        raise OSError("the disk is away")

    bell = Bell(tmp_path, fail)
    bell.hang()
    ring(tmp_path)
    heard.get(timeout=60)
    ring(tmp_path)

    assert heard.get(timeout=60) == "ring"
    bell.close()


def test_a_file_in_the_place_of_the_bell_is_not_written(tmp_path):
    """A crash may leave anything there."""
    (tmp_path / "approvals.bell").write_bytes(b"")

    assert ring(tmp_path) is False
    assert (tmp_path / "approvals.bell").read_bytes() == b""
