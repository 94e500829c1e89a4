"""Which combiner a client is sent to."""

from hypothesis import given
from hypothesis import strategies as st

from fednet.controller.members.placement import Candidate, choose_combiner

CANDIDATES = st.lists(
    st.builds(Candidate, st.sampled_from("abcd"), st.integers(0, 5), st.integers(0, 5)),
    unique_by=lambda each: each.name,
)


def test_without_combiners_there_is_no_choice():
    """Nobody is connected."""
    assert choose_combiner([]) is None


def test_the_preferred_combiner_is_taken_though_others_have_less_to_do():
    """A wish is granted where there is room."""
    candidates = [Candidate("a", 0, 10), Candidate("b", 9, 10)]

    assert choose_combiner(candidates, preferred="b") == "b"


def test_a_full_or_unknown_wish_is_not_granted():
    """The client is placed all the same."""
    candidates = [Candidate("a", 1, 10), Candidate("b", 10, 10)]

    assert choose_combiner(candidates, preferred="b") == "a"
    assert choose_combiner(candidates, preferred="c") == "a"


def test_of_equal_combiners_the_first_by_name_is_taken():
    """The choice does not depend on the order of the list."""
    assert choose_combiner([Candidate("b", 1, 10), Candidate("a", 1, 10)]) == "a"


@given(CANDIDATES, st.sampled_from([None, *"abcde"]))
def test_the_chosen_one_has_room_and_nobody_has_fewer_clients(candidates, preferred):
    """The law behind the examples."""
    chosen = choose_combiner(candidates, preferred)

    by_name = {each.name: each for each in candidates if each.has_room}
    assert (chosen is None) == (not by_name)
    if chosen is not None and chosen != preferred:
        assert preferred not in by_name
        assert by_name[chosen].clients == min(each.clients for each in by_name.values())
