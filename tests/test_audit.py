"""The chain of the audit log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.audit import AUDIT_PRUNED, AuditHead, audit_hash, verified_audit
from fednet.errors import Conflict, InvalidInput


def chain(count):
    """Return a log of so many entries."""
    entries, head = [], AuditHead()
    for number in range(1, count + 1):
        entry = {"number": number, "who": {"name": f"ö-{number}"}, "previous": head.hash}
        entries.append({**entry, "hash": audit_hash(entry)})
        head = AuditHead(number, entries[-1]["hash"])
    return entries


def test_a_whole_log_has_its_last_entry_as_head():
    """And an empty one begins at number 0."""
    entries = chain(5)

    assert verified_audit(entries).head == AuditHead(5, entries[-1]["hash"])
    assert verified_audit([]).head == AuditHead()
    assert verified_audit(entries, AuditHead(3, entries[2]["hash"])).head.number == 5


@given(st.data())
def test_every_removal_change_and_reordering_is_found(data):
    """Wherever in the log it is; the newest entries by a head that was kept."""
    entries = chain(8)
    kept = verified_audit(entries).head
    place = data.draw(st.integers(0, 7))
    change = data.draw(st.sampled_from(["removed", "changed", "rehashed", "moved", "repeated"]))
    if change == "removed":
        del entries[place]
    elif change == "changed":
        entries[place] = {**entries[place], "who": {"name": "mallory"}}
    elif change == "rehashed":
        forged = {**entries[place], "who": {"name": "mallory"}}
        entries[place] = {**forged, "hash": audit_hash(forged)}
    elif change == "moved":
        other = data.draw(st.integers(0, 7).filter(lambda each: each != place))
        entries[place], entries[other] = entries[other], entries[place]
    else:
        entries.insert(place, entries[place])

    with pytest.raises(Conflict):
        verified_audit(entries, kept)


def forged_after(head):
    """Return a log of five entries that begins after this head, and tells that retention has deleted the others."""
    forged = []
    for _ in range(5):
        entry = {
            "number": head.number + 1,
            "who": {"name": "mallory"},
            "what": AUDIT_PRUNED,
            "on": {"id": "" if forged else str(head)},
            "previous": head.hash,
        }
        forged.append({**entry, "hash": audit_hash(entry)})
        head = AuditHead(head.number + 1, forged[-1]["hash"])
    return forged


def test_a_whole_new_log_is_found_by_a_head_that_was_kept():
    """Its chain is right, and not the one of before."""
    kept = verified_audit(chain(3)).head
    forged = forged_after(AuditHead())

    assert verified_audit(forged).head.number == 5
    with pytest.raises(Conflict, match="Entry 3 is not the one"):
        verified_audit(forged, kept)


def test_a_new_log_that_begins_right_after_the_kept_head_is_found():
    """Its first entry names another hash before it; the log that goes on after the kept head is whole."""
    kept = verified_audit(chain(3)).head
    forged = forged_after(AuditHead(3, "f" * 64))

    assert verified_audit(forged).head.number == 8
    with pytest.raises(Conflict, match="Entry 3 is not the one"):
        verified_audit(forged, kept)
    assert verified_audit(forged_after(kept), kept).first == 4


def test_the_loss_of_the_newest_entries_needs_a_head():
    """The message names them."""
    entries = chain(5)
    kept = verified_audit(entries).head

    assert verified_audit(entries[:3]).head.number == 3
    with pytest.raises(Conflict, match="entries 4 to 5 were removed"):
        verified_audit(entries[:3], kept)


@pytest.mark.parametrize("odd", [{}, {"number": None}, {"number": "1"}, {"number": True}])
def test_what_is_no_entry_is_found(odd):
    """Whatever stands in a file."""
    with pytest.raises(Conflict):
        verified_audit([odd])


def test_a_head_is_written_and_read():
    """As one word, to keep it."""
    head = verified_audit(chain(2)).head

    assert AuditHead.from_text(str(head)) == head
    for text in ("", "1", "x:y", f"1:{'g' * 64}", f"-1:{'0' * 64}"):
        with pytest.raises(InvalidInput, match="NUMBER:HASH"):
            AuditHead.from_text(text)
