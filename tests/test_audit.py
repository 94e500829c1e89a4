"""The chain of the audit log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednet.audit import AuditHead, audit_hash, verify_audit
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

    assert verify_audit(entries) == AuditHead(5, entries[-1]["hash"])
    assert verify_audit([]) == AuditHead()
    assert verify_audit(entries, AuditHead(3, entries[2]["hash"])).number == 5


@given(st.data())
def test_every_removal_change_and_reordering_is_found(data):
    """Wherever in the log it is; the newest entries by a head that was kept."""
    entries = chain(8)
    kept = verify_audit(entries)
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
        verify_audit(entries, kept)


def test_a_whole_new_log_is_found_by_a_head_that_was_kept():
    """Its chain is right, and not the one of before."""
    kept = verify_audit(chain(3))
    forged = [{**entry, "who": {"name": "mallory"}} for entry in chain(5)]
    head = AuditHead()
    for place, entry in enumerate(forged):
        entry["previous"] = head.hash
        forged[place] = {**entry, "hash": audit_hash(entry)}
        head = AuditHead(place + 1, forged[place]["hash"])

    assert verify_audit(forged).number == 5
    with pytest.raises(Conflict, match="Entry 3 is not the one"):
        verify_audit(forged, kept)


def test_the_loss_of_the_newest_entries_needs_a_head():
    """The message names them."""
    entries = chain(5)
    kept = verify_audit(entries)

    assert verify_audit(entries[:3]).number == 3
    with pytest.raises(Conflict, match="entries 4 to 5 were removed"):
        verify_audit(entries[:3], kept)


@pytest.mark.parametrize("odd", [{}, {"number": None}, {"number": "1"}, {"number": True}])
def test_what_is_no_entry_is_found(odd):
    """Whatever stands in a file."""
    with pytest.raises(Conflict):
        verify_audit([odd])


def test_a_head_is_written_and_read():
    """As one word, to keep it."""
    head = verify_audit(chain(2))

    assert AuditHead.from_text(str(head)) == head
    for text in ("", "1", "x:y", f"1:{'g' * 64}", f"-1:{'0' * 64}"):
        with pytest.raises(InvalidInput, match="NUMBER:HASH"):
            AuditHead.from_text(text)
