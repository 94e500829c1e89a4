"""The choice of what is deleted."""

from hypothesis import given
from hypothesis import strategies as st

from fednet.controller.cleaning.rules import Aged, Rule, surplus

NOW = 1_000_000.0

documents = st.lists(st.tuples(st.floats(0, NOW), st.booleans()), max_size=40).map(
    lambda found: [Aged(str(n), at, kept) for n, (at, kept) in enumerate(sorted(found))]
)
rules = st.builds(
    Rule,
    kept_max=st.none() | st.integers(1, 30),
    seconds_max=st.none() | st.floats(1, NOW),
)


def deleted(documents, rule, page=1000):
    """Delete as a cleaner does, a page at a time; return the ids."""
    left, passed, gone = list(documents), 0, []
    while True:
        found = surplus(left[passed : passed + page], rule.excess(len(left)), rule, NOW)
        gone += found.ids
        left = [each for each in left if each.id not in found.ids]
        passed += found.passed
        if found.is_last or not (found.ids or found.passed):
            return gone


@given(documents, rules)
def test_what_is_protected_stays(documents, rule):
    """Whatever the rule says."""
    gone = deleted(documents, rule)

    assert not {each.id for each in documents if each.is_protected} & set(gone)


@given(documents, rules)
def test_no_more_stay_than_the_rule_keeps(documents, rule):
    """Unless more are protected, and none of those that may go is too old."""
    gone = set(deleted(documents, rule))
    staying = [each for each in documents if each.id not in gone]
    free = [each for each in staying if not each.is_protected]

    if rule.kept_max is not None and free:
        assert len(staying) <= rule.kept_max
    assert not [each for each in free if rule.is_too_old(each.at, NOW)]


@given(documents, rules)
def test_nothing_goes_that_the_rule_keeps(documents, rule):
    """A deleted document was too old, or one of the oldest beyond the number."""
    gone = set(deleted(documents, rule))
    young = [each for each in documents if each.id in gone and not rule.is_too_old(each.at, NOW)]

    assert len(young) <= rule.excess(len(documents))
    oldest_kept = min(
        (each.at for each in documents if each.id not in gone and not each.is_protected),
        default=NOW,
    )
    assert all(each.at <= oldest_kept for each in documents if each.id in gone)


@given(documents, rules, st.integers(1, 7))
def test_the_size_of_a_page_changes_nothing(documents, rule, page):
    """A run that looks at few documents at a time deletes the same."""
    assert set(deleted(documents, rule, page)) == set(deleted(documents, rule))
