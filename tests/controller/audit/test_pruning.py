"""The retention of the audit log: what is left is still a chain, and tells where it begins."""

import pytest

from fednet import limits
from fednet.audit import AuditHead, verified_audit
from fednet.contract import Principal, Role
from fednet.errors import Conflict

ADMIN = Principal.of(Role.ADMIN, "id", "admin")


@pytest.fixture
def log(auditor):
    """A log of seven entries, each in a block of its own."""
    for _ in range(7):
        auditor.logged_in(ADMIN, "route", "")
    return auditor.log


def all_entries(log):
    found, number = [], 0
    while number < log.head().number:
        entries, number = log.after(number, log.head())
        found += entries
    return found


def numbers(log):
    return [entry["number"] for entry in all_entries(log)]


def test_the_oldest_entries_go_and_the_rest_is_whole(log):
    """An entry names the last one that went."""
    before = log.head()

    assert log.prune(3, None, only_looks=False) == (4, True)

    assert numbers(log) == [5, 6, 7, 8]
    found = verified_audit(all_entries(log), before)
    assert (found.first, found.entries, found.head) == (5, 4, log.head())
    assert all_entries(log)[-1]["what"] == "audit:prune"


def test_entries_go_by_age(log):
    """All are older than no time; the newest block stays."""
    assert log.prune(None, 3600.0, only_looks=False) == (0, True)
    assert log.prune(None, 0.0, only_looks=False) == (6, True)

    assert numbers(log) == [7, 8]


def test_a_look_deletes_nothing(log):
    """It counts."""
    assert log.prune(3, None, only_looks=True) == (4, True)

    assert numbers(log) == list(range(1, 8))


def test_pruning_again_leaves_a_whole_log(log, auditor):
    """Also when the entry about the earlier pruning goes."""
    for _ in range(4):
        log.prune(2, None, only_looks=False)
        auditor.logged_in(ADMIN, "route", "")

    assert verified_audit(all_entries(log)).first == numbers(log)[0] > 8


def test_a_bounded_number_of_blocks_goes_at_a_time(log, monkeypatch):
    """The caller asks again."""
    monkeypatch.setattr(limits, "audit_pruned_blocks", 2)

    assert log.prune(3, None, only_looks=False) == (2, False)
    assert numbers(log)[0] == 3


@pytest.mark.parametrize("step", ["insert_missing", "delete"])
def test_a_kill_while_entries_go_leaves_a_whole_log(log, records, monkeypatch, step):
    """Before the anchor is moved, and between it and the last deletion."""
    monkeypatch.setattr(limits, "audit_seconds_max", 30.0)
    with monkeypatch.context() as killed:
        killed.setattr(type(records.documents), step, lambda *_: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            log.prune(3, None, only_looks=False)

    verified_audit(all_entries(log))
    log.prune(3, None, only_looks=False)
    assert verified_audit(all_entries(log)).first > 1


def test_entries_that_went_without_a_word_are_missed(log, records):
    """Somebody has deleted them in the store."""
    for block in records.find("audit")[:3]:
        records.documents.delete("audit", block["id"])

    with pytest.raises(Conflict, match="1 to 3 were removed"):
        verified_audit(all_entries(log))


def test_a_head_that_went_is_no_proof(log):
    """The reader is told to keep a newer one."""
    kept = AuditHead(2, all_entries(log)[1]["hash"])
    log.prune(3, None, only_looks=False)

    with pytest.raises(Conflict, match="Keep a newer head"):
        verified_audit(all_entries(log), kept)


def test_new_entries_follow_the_head_after_all_others_went(log, auditor):
    """The newest block stays, so no number is given twice."""
    log.prune(1, None, only_looks=False)
    last = log.head()
    auditor.logged_in(ADMIN, "route", "")

    assert log.head().number == last.number + 1
