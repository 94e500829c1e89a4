"""The log behind the feed: one order for all controllers, bounded."""

import threading

import pytest

from fednet import limits
from fednet.controller.feed.log import FeedLog, happened_now, timestamp_before

SECONDS = 200


def happened(*names):
    return [happened_now("client_joined", {"client_id": name, "combiner": "c"}) for name in names]


def names(page):
    return [entry.ids["client_id"] for entry in page.entries]


def numbers(page):
    return [entry.number for entry in page.entries]


def test_entries_are_numbered_in_their_order_in_each_store(stored):
    """From 1 on, one more for each; a reader goes on after the number that it has."""
    log = FeedLog(stored, "here")

    log.append(happened("a", "b"))
    log.append(happened("c"))

    assert (names(log.after(0)), numbers(log.after(0))) == (["a", "b", "c"], [1, 2, 3])
    assert names(log.after(2)) == ["c"]
    assert not log.after(3).entries
    assert (log.after(1).next, log.head) == (3, 3)


def test_two_controllers_append_in_one_order_in_each_store(stored):
    """At the same time; nothing is lost, no number is given twice, and both see the same."""
    logs = [FeedLog(stored, name) for name in ("one", "other")]

    def append(log, prefix):
        for number in range(20):
            log.append(happened(f"{prefix}-{number}", f"{prefix}-{number}-again"))

    threads = [
        threading.Thread(target=append, args=[log, prefix])
        for log, prefix in zip(logs, "ab", strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    for log in logs:
        log.catch_up()

    pages = [log.after(0) for log in logs]
    assert pages[0].entries == pages[1].entries
    assert numbers(pages[0]) == list(range(1, 81))
    for prefix in "ab":
        own = [name for name in names(pages[0]) if name.startswith(prefix)]
        assert own == [f"{prefix}-{n}{again}" for n in range(20) for again in ("", "-again")]
    assert {entry.controller for entry in pages[0].entries} == {"one", "other"}


def test_a_controller_that_comes_later_reads_older_entries_from_each_store(stored):
    """It has none of them in memory."""
    before = FeedLog(stored, "before")
    for name in "abcdefg":
        before.append(happened(name))

    log = FeedLog(stored, "here")

    assert [names(log.after(number)) for number in range(8)] == [
        list("abcdefg"[number:]) for number in range(8)
    ]
    assert log.head == 7


def test_memory_holds_the_newest_entries_only(new_log, monkeypatch):
    """The others come from the store, page by page."""
    monkeypatch.setattr(limits, "feed_recent_entries", 2)
    monkeypatch.setattr(limits, "feed_read_blocks", 2)
    log = new_log()
    for name in "abcdefgh":
        log.append(happened(name))

    assert log.recent_after(0, 10) is None
    assert names(log.recent_after(6, 10)) == ["g", "h"]
    assert [names(log.after(number)) for number in (0, 3)] == [["a", "b"], ["d", "e"]]


def test_a_large_batch_is_several_blocks(new_log, monkeypatch):
    """A document has a limit."""
    monkeypatch.setattr(limits, "feed_block_entries", 3)
    log = new_log()

    log.append(happened(*"abcdefgh"))

    assert names(log.after(0)) == list("abcdefgh")
    assert names(new_log().after(0)) == list("abcdefgh")


def test_the_oldest_entries_beyond_the_limit_are_pruned_and_a_reader_is_told(stored):
    """In each store; whoever has read that far goes on without a gap."""
    log = FeedLog(stored, "here")
    for name in "abcdef":
        log.append(happened(name))

    log.prune(timestamp_before(SECONDS), entries_max=2)

    later = FeedLog(stored, "later")
    late, in_time = later.after(1), later.after(4)
    assert (late.is_gap, names(late), late.oldest) == (True, ["e", "f"], 5)
    assert (in_time.is_gap, names(in_time)) == (False, ["e", "f"])


def test_old_entries_are_pruned_but_the_newest_block_stays(new_log):
    """The numbers go on from it."""
    log = new_log()
    for name in "abc":
        log.append(happened(name))

    log.prune(timestamp_before(-SECONDS))

    later = new_log()
    later.append(happened("d"))
    assert (names(later.after(2)), numbers(later.after(2))) == (["c", "d"], [3, 4])
    assert later.after(0).is_gap


def test_pruning_comes_with_appending_and_keeps_the_store_bounded(new_log, records, monkeypatch):
    """However many entries come."""
    monkeypatch.setattr(limits, "feed_entries_max", 5)
    monkeypatch.setattr(limits, "feed_prune_blocks", 3)
    monkeypatch.setattr(FeedLog.prune, "__defaults__", (5,))
    log = new_log()
    for number in range(40):
        log.append(happened(f"{number}"))

    assert records.count("feed") <= 5 + 3


def test_a_controller_that_was_overtaken_by_pruning_begins_at_the_newest_block(new_log):
    """It does not give numbers out again, and its readers are told of the gap."""
    log, other = new_log("slow"), new_log("other")
    log.append(happened("a"))
    other.catch_up()
    for name in "bcdef":
        other.append(happened(name))
    other.prune(timestamp_before(SECONDS), entries_max=1)

    log.catch_up()
    log.append(happened("g"))

    assert log.head == 7
    assert log.after(1).is_gap
    other.catch_up()
    assert names(other.after(5)) == ["f", "g"]


def test_a_number_that_the_feed_has_not_reached_is_a_gap(new_log):
    """The reader knows a feed that is gone: a backup was restored."""
    log = new_log()
    log.append(happened("a"))

    page = log.after(9)

    assert (page.is_gap, page.next) == (True, 1)


def test_a_number_of_another_controller_is_no_gap(new_log):
    """This one has not read that far yet."""
    log, other = new_log("here"), new_log("other")
    log.append(happened("a"))
    other.catch_up()
    other.append(happened("b"))

    page = log.after(2)

    assert (page.is_gap, page.next) == (False, 2)


@pytest.mark.parametrize("entries_max", [1, 2, 5])
def test_a_page_ends_where_the_next_begins(new_log, entries_max):
    """A reader that goes on after `next` misses nothing."""
    log = new_log()
    log.append(happened(*"abc"))
    log.append(happened(*"defg"))
    read, after = [], 0

    while after < log.head:
        page = log.after(after, entries_max)
        read += names(page)
        after = page.next

    assert read == list("abcdefg")
