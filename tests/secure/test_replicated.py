"""The distribution of seeds among sum participants, and the proof on a small ring that it hides the updates."""

import itertools
from collections import Counter

import pytest

from fednet.secure.replicated import assignment, held_by, subsets

SIZES = [(1, 1), (2, 1), (3, 2), (4, 2), (3, 3), (5, 3)]


@pytest.mark.parametrize(("members", "threshold"), SIZES)
def test_any_threshold_of_members_holds_every_seed(members, threshold):
    """So the masks can be removed as long as that many are left."""
    for live in itertools.combinations(range(members), threshold):
        spread = assignment(range(len(subsets(members, threshold))), live, members, threshold)

        assert sorted(itertools.chain(*spread.values())) == list(
            range(len(subsets(members, threshold)))
        )
        assert all(
            set(numbers) <= set(held_by(member, members, threshold))
            for member, numbers in spread.items()
        )


@pytest.mark.parametrize(("members", "threshold"), [size for size in SIZES if size[1] > 1])
def test_one_member_less_cannot_remove_the_masks(members, threshold):
    """Each smaller coalition misses the seed of the subset that it is."""
    every = subsets(members, threshold)
    for coalition in itertools.combinations(range(members), threshold - 1):
        held = {number for member in coalition for number in held_by(member, members, threshold)}

        assert set(range(len(every))) - held == {every.index(coalition)}
        assert assignment(range(len(every)), coalition, members, threshold) is None


def test_seeds_are_spread_over_the_live_members():
    """No sum participant adds up all masks while another one has nothing to do."""
    spread = assignment(range(3), [0, 1, 2], 3, 2)

    assert {member: len(numbers) for member, numbers in spread.items()} == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize(("members", "threshold"), [(2, 2), (3, 2), (3, 3)])
@pytest.mark.parametrize("modulus", [2, 4])
def test_a_coalition_below_the_threshold_sees_the_same_for_every_update(
    members, threshold, modulus
):
    """Exhaustively: the masked number and the coalition's seeds are distributed alike whatever the number is."""
    every = subsets(members, threshold)
    for coalition in itertools.combinations(range(members), threshold - 1):
        held = sorted(
            {number for member in coalition for number in held_by(member, members, threshold)}
        )
        views = [
            Counter(
                ((update + sum(seeds)) % modulus, *(seeds[number] for number in held))
                for seeds in itertools.product(range(modulus), repeat=len(every))
            )
            for update in range(modulus)
        ]

        assert all(view == views[0] for view in views)


@pytest.mark.parametrize(("members", "threshold", "modulus"), [(3, 2, 2), (2, 2, 3)])
def test_a_whole_round_shows_the_sum_and_nothing_else(members, threshold, modulus):
    """Exhaustively: all masked numbers, a coalition's seeds and the sum of each mask depend on the sum alone."""
    every = subsets(members, threshold)
    coalition = every[0]
    held = {number for member in coalition for number in held_by(member, members, threshold)}
    views: dict[int, list[Counter]] = {}
    for updates in itertools.product(range(modulus), repeat=3):
        view = Counter(
            _view(updates, seeds, held, len(every), modulus)
            for seeds in itertools.product(range(modulus), repeat=3 * len(every))
        )
        views.setdefault(sum(updates) % modulus, []).append(view)

    assert all(view == alike[0] for alike in views.values() for view in alike)
    assert len({frozenset(alike[0].items()) for alike in views.values()}) == modulus


def _view(updates, seeds, held, count, modulus):
    """Return the view of a controller and a coalition in one round of three clients."""
    dealt = [seeds[client * count : (client + 1) * count] for client in range(3)]
    masked = tuple((x + sum(own)) % modulus for x, own in zip(updates, dealt, strict=True))
    known = tuple(own[number] for own in dealt for number in sorted(held))
    sums = tuple(sum(own[number] for own in dealt) % modulus for number in range(count))
    return masked, known, sums
