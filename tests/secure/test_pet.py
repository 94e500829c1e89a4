"""Rounds of threshold PET in a small world: sums, dropouts, and clients whose seeds are bad."""

import base64
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from secure_world import SecureWorld, pet_terms

from fednet.errors import InvalidInput, SecureRoundFailed
from fednet.secure.replicated import subsets


@pytest.mark.parametrize(("k", "t"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_a_round_gives_the_sum(k, t):
    """The masks of all clients cancel against those of the sum participants, exactly."""
    world = SecureWorld(pet_terms(6, k, t))

    total = world.run()

    assert np.array_equal(total, world.expected())
    assert len(world.updates) == 6
    assert world.refusals == {}


def test_a_masked_update_shows_nothing_by_itself():
    """No word of it is that of the update, and the same update looks different in the next round."""
    world = SecureWorld(pet_terms())
    world.run()

    for name, masked in world.updates.items():
        assert not (masked == world.clients[name].update).any()


@st.composite
def dropouts(draw):
    """Draw sizes, and the clients that vanish in each step: as many as the round tolerates."""
    k, t = draw(st.sampled_from([(1, 1), (3, 2), (4, 2), (5, 3)]))
    terms = pet_terms(7, k, t)
    names = [f"client{number}" for number in range(7)]
    few = lambda most: draw(st.sets(st.sampled_from(names), max_size=most))  # noqa: E731
    lost = {"keys": few(min(k, 7 - max(k, 3)))}
    roster = [name for name in names if name not in lost["keys"]][:k]
    left = 7 - len(lost["keys"]) - 3
    others = [name for name in names if name not in roster and name not in lost["keys"]]
    for step in ("seeds", "train"):
        here = draw(st.sets(st.sampled_from(others), max_size=left)) if others and left else set()
        lost[step], left = here, left - len(here)
        others = [name for name in others if name not in here]
    gone = draw(st.permutations(roster))
    lost["confirm"] = set(gone[: draw(st.integers(0, k - terms.quorum))])
    lost["masks"] = set(gone[: draw(st.integers(0, k - t))])
    return terms, lost


@settings(max_examples=20)
@given(dropouts())
def test_dropouts_within_the_threshold_cost_nothing(case):
    """Whoever vanishes, and when: the sum is that of the survivors, exactly."""
    terms, lost = case
    world = SecureWorld(terms, lost=lost)

    total = world.run()

    assert np.array_equal(total, world.expected())
    assert len(world.updates) >= terms.min_clients


@pytest.mark.parametrize(("k", "t"), [(1, 1), (3, 2), (4, 2), (5, 3)])
def test_one_dropout_more_ends_the_round_and_reveals_nothing(k, t):
    """Below the threshold the mask of one subset stays with those who are gone."""
    names = [f"client{number}" for number in range(k - t + 1)]
    world = SecureWorld(pet_terms(7, k, t), lost={"masks": names})

    with pytest.raises(SecureRoundFailed, match=rf"{t - 1} of {k} sum participants are left"):
        world.run()
    assert world.record.survivors
    assigned = set(itertools.chain(*world.record.assigned.values()))
    assert assigned < set(range(len(subsets(k, t))))


@pytest.mark.parametrize(
    ("step", "gone"), [("keys", 3), ("seeds", 3), ("check", 1), ("train", 3), ("confirm", 1)]
)
def test_too_few_parties_end_a_round_in_any_step(step, gone):
    """The end says how many are there and how many are needed."""
    names = [f"client{number}" for number in range(gone)]
    world = SecureWorld(pet_terms(5, 3, 2), lost={step: names})

    with pytest.raises(SecureRoundFailed, match=r"\d.* needed"):
        world.run()
    assert world.mask_sums == []


def test_a_round_cannot_begin_without_candidates():
    """The controller asks nobody if there are fewer clients than sum participants."""
    world = SecureWorld(pet_terms(3, 3, 2), names=["one", "two"])

    with pytest.raises(SecureRoundFailed, match="2 candidates, and 3 are needed"):
        world.run()


def _another_seed(dealing):
    sealed = [
        base64.b64encode(bytes(len(base64.b64decode(one)))).decode() for one in dealing["sealed"]
    ]
    return {**dealing, "sealed": sealed}


def _another_commitment(dealing):
    commitments = [base64.b64encode(bytes(32)).decode(), *dealing["commitments"][1:]]
    return {**dealing, "commitments": commitments}


def _too_few_seeds(dealing):
    return {**dealing, "sealed": dealing["sealed"][:1]}


def _no_form(dealing):
    return {"sealed": len(dealing)}


def _small_order(dealing):
    return {**dealing, "key": base64.b64encode(bytes(32)).decode()}


@pytest.mark.parametrize(
    "spoilt", [_another_seed, _another_commitment, _too_few_seeds, _no_form, _small_order]
)
def test_a_client_with_bad_seeds_is_left_out(spoilt):
    """It is named with the reason, does not train, and the others' round goes on."""

    def forged(step, client, values):
        return spoilt(values) if (step, client) == ("seeds", "client4") else values

    world = SecureWorld(pet_terms(), forged=forged)

    total = world.run()

    assert "client4" not in world.updates
    assert list(world.protocol.problems(world.record)) == ["client4"]
    assert np.array_equal(total, world.expected())


def test_seeds_that_do_not_fit_their_commitment_are_found_by_their_holder():
    """A client that seals other seeds than it has committed to, and signs them, is left out, too."""
    world = SecureWorld(pet_terms())
    liar = world.clients["client4"]

    def tampered(step, client, message):
        # The liar deals for a roster in another order, but signs for this one: its seals fit nobody.
        if (step, client) == ("seeds", "client4"):
            return {**message, "roster": list(reversed(message["roster"]))}
        return message

    world.tampered = tampered
    total = world.run()

    assert liar.name not in world.updates
    assert np.array_equal(total, world.expected())


def test_a_sum_participant_that_complains_of_everybody_is_not_believed():
    """It is left out itself; with the quorum of the others the round goes on."""

    def forged(step, client, values):
        everybody = sorted(f"client{number}" for number in range(5))
        return (
            {"bad": everybody, "strangers": []}
            if (step, client) == ("check", "client0")
            else values
        )

    world = SecureWorld(pet_terms(5, 4, 2), forged=forged)

    total = world.run()

    assert world.protocol.problems(world.record) == {
        "client0": "It complains of more than half of the clients."
    }
    assert len(world.updates) == 5
    assert np.array_equal(total, world.expected())


@pytest.mark.parametrize("step", ["keys", "check", "confirm"])
def test_a_sum_participant_with_a_bad_answer_is_replaced_or_done_without(step):
    """Its answer counts as none, and its problem is told."""

    def forged(asked, client, values):
        if (asked, client) != (step, "client1"):
            return values
        return {**values, "signature": base64.b64encode(bytes(64)).decode()}

    world = SecureWorld(pet_terms(6, 4, 2), forged=forged)

    total = world.run()

    assert list(world.protocol.problems(world.record)) == ["client1"]
    assert np.array_equal(total, world.expected())


def test_the_same_messages_are_answered_alike():
    """A client that is asked again, also after a restart, gives the same answer."""
    world = SecureWorld(pet_terms())
    world.run()

    for step in ("keys", "seeds", "check", "confirm"):
        for name, message in world.protocol.messages(step, world.record).items():
            again = world.clients[name].participant.answer(message)
            assert again == world.record.answers[step][name]


def test_unknown_steps_are_refused():
    """A client of this version answers the exchanges that it knows."""
    world = SecureWorld(pet_terms())
    message = world.protocol.messages("keys", world.record)["client0"]

    for step in ("train", "reveal"):
        with pytest.raises(InvalidInput, match="no exchange"):
            world.clients["client0"].participant.answer({**message, "step": step})
    with pytest.raises(InvalidInput, match="not 'masks'"):
        world.clients["client0"].participant.masks_of_sum(message)


def test_a_quorum_of_more_than_half_lets_one_of_three_vanish_at_once():
    """With (3, 2) and a quorum of 2 the round goes on without the third sum participant's signature."""
    world = SecureWorld(pet_terms(5, 3, 2, quorum=2), lost={"confirm": ["client1"]})

    total = world.run()

    assert list(world.record.answers["confirm"]) == ["client0", "client2"]
    assert np.array_equal(total, world.expected())
