"""Rounds of SecAgg+ in a small world: sums, dropouts, and clients that deal or reveal wrong shares."""

import base64
import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from secure_world import SecureWorld, secagg_terms

from fednet.errors import InvalidInput, SecureRoundFailed
from fednet.secure.rosters import KeysAnswer
from fednet.secure.shamir import SHARE_BYTES


@pytest.mark.parametrize("clients", [3, 4, 6])
def test_a_round_gives_the_sum(clients):
    """All masks cancel or are removed, exactly."""
    world = SecureWorld(secagg_terms(clients))

    total = world.run()

    assert np.array_equal(total, world.expected())
    assert len(world.updates) == clients
    assert world.refusals == {}


def test_a_sparse_graph_gives_the_sum():
    """Twelve clients with eight neighbours each, and two of them vanish after they have dealt their shares."""
    world = SecureWorld(
        secagg_terms(12, neighbours=8), lost={"train": ["client3"], "confirm": ["client7"]}
    )

    total = world.run()

    assert len(world.updates) == 11
    assert np.array_equal(total, world.expected())


@st.composite
def dropouts(draw):
    """Draw the clients that vanish in each step: in all, as many as the threshold of 5 of 7 tolerates."""
    names = [f"client{number}" for number in range(7)]
    gone = draw(st.permutations(names))[: draw(st.integers(0, 2))]
    steps = ["keys", "shares", "check", "train", "confirm", "reveal"]
    lost: dict[str, list[str]] = {}
    for name in gone:
        lost.setdefault(draw(st.sampled_from(steps)), []).append(name)
    return lost


@settings(max_examples=20)
@given(dropouts())
def test_dropouts_within_the_threshold_cost_nothing(lost):
    """Whoever vanishes, and when: the sum is that of the survivors, exactly."""
    world = SecureWorld(secagg_terms(7), lost=lost)

    total = world.run()

    assert np.array_equal(total, world.expected())
    assert len(world.updates) >= 5


@pytest.mark.parametrize("step", ["keys", "shares", "check", "train", "confirm", "reveal"])
def test_one_dropout_more_ends_the_round(step):
    """The end says how many are there and how many are needed, and no mask is removed."""
    gone = ["client0", "client3", "client6"]
    world = SecureWorld(secagg_terms(7), lost={step: gone})

    with pytest.raises(SecureRoundFailed, match=r"4 .*5 are needed"):
        world.run()
    with pytest.raises(SecureRoundFailed):
        world.protocol.unmasking(world.record)


def test_too_few_revealed_shares_are_told_with_their_client():
    """Even if the step was ended too early, nothing but a reason comes out."""
    world = SecureWorld(secagg_terms(6))
    world.run()
    world.record.answers["reveal"].pop("client0")
    world.record.answers["reveal"].pop("client1")
    world.record.answers["reveal"].pop("client2")

    with pytest.raises(SecureRoundFailed, match=r"Only 3 shares .* client0 .* 4 are needed"):
        world.protocol.unmasking(world.record)


def _base64_changed(text, place):
    content = bytearray(base64.b64decode(text))
    content[place] ^= 1
    return base64.b64encode(content).decode()


def _damaged_seal(dealing):
    sealed = dealing["sealed"]
    for holder in range(5):
        sealed = _base64_changed(sealed, holder * 115)
    return {**dealing, "sealed": sealed}


def _another_commitment(dealing):
    return {**dealing, "commitments": _base64_changed(dealing["commitments"], 0)}


def _another_proof(dealing):
    return {**dealing, "proof": _base64_changed(dealing["proof"], SHARE_BYTES - 1)}


def _no_proof(dealing):
    return {**dealing, "proof": ""}


def _no_form(dealing):
    return list(dealing)


@pytest.mark.parametrize(
    "spoilt", [_damaged_seal, _another_commitment, _another_proof, _no_proof, _no_form]
)
def test_a_lying_dealer_is_left_out(spoilt):
    """It is named with the reason, does not train, and the others' round goes on."""

    def forged(step, client, values):
        return spoilt(values) if (step, client) == ("shares", "client5") else values

    world = SecureWorld(secagg_terms(6), forged=forged)

    total = world.run()

    assert "client5" not in world.updates
    assert list(world.protocol.problems(world.record)) == ["client5"]
    assert np.array_equal(total, world.expected())


@pytest.mark.parametrize("part", ["share", "opening"])
def test_a_lying_revealer_is_found(part):
    """Its shares do not fit the commitments, and those of the others are enough."""

    def forged(step, client, values):
        if (step, client) != ("reveal", "client0"):
            return values
        shares = [{**each, part: _base64_changed(each[part], 5)} for each in values["shares"]]
        return {"shares": shares}

    world = SecureWorld(secagg_terms(6), forged=forged, lost={"train": ["client5"]})

    total = world.run()

    assert list(world.protocol.problems(world.record)) == ["client0"]
    assert np.array_equal(total, world.expected())


def test_a_client_with_a_key_of_small_order_is_left_out():
    """With such a key its neighbours could not agree on masks."""
    world = SecureWorld(secagg_terms(6))
    identity = world.clients["client2"].identity

    def forged(step, client, values):
        if (step, client) != ("keys", "client2"):
            return values
        context = world.record.context
        return KeysAnswer.signed(context, client, identity, bytes(64)).values()

    world.forged = forged
    total = world.run()

    assert world.protocol.problems(world.record) == {
        "client2": "One of its keys is a point of small order."
    }
    assert np.array_equal(total, world.expected())


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("check", {"bad": [0, 1, 2, 3, 4]}),
        ("check", {"bad": "all"}),
        ("confirm", {"signature": base64.b64encode(bytes(64)).decode()}),
        ("confirm", {}),
        ("reveal", {"shares": 1}),
        ("reveal", {"shares": [{"position": 70, "share": "", "opening": ""}]}),
        ("reveal", {"shares": [{"position": 0, "share": "", "opening": ""}]}),
    ],
)
def test_a_client_with_a_bad_answer_is_done_without(step, answer):
    """Its answer counts as none, and its problem is told."""

    def forged(asked, client, values):
        return answer if (asked, client) == (step, "client5") else values

    world = SecureWorld(secagg_terms(6), forged=forged)

    total = world.run()

    assert list(world.protocol.problems(world.record)) == ["client5"]
    assert np.array_equal(total, world.expected())


def test_an_update_of_a_client_that_has_dealt_no_shares_ends_the_round():
    """Nobody could remove its masks."""
    world = SecureWorld(secagg_terms(6), lost={"shares": ["client5"]})
    for step in world.protocol.before:
        world.exchange(step)
    world.record = replace(world.record, survivors=tuple(world.names))

    with pytest.raises(SecureRoundFailed, match="client5"):
        world.protocol.messages("confirm", world.record)


def test_the_same_messages_are_answered_alike():
    """A client that is asked again, also after a restart, gives the same answer."""
    world = SecureWorld(secagg_terms(4))
    world.run()

    for step in ("keys", "shares", "check", "confirm", "reveal"):
        for name, message in world.protocol.messages(step, world.record).items():
            again = world.clients[name].participant.answer(message)
            assert again == world.record.answers[step][name]


def test_unknown_steps_are_refused():
    """A client of this version answers the exchanges that it knows."""
    world = SecureWorld(secagg_terms())
    message = world.protocol.messages("keys", world.record)["client0"]
    participant = world.clients["client0"].participant

    with pytest.raises(InvalidInput, match="no exchange"):
        participant.answer({**message, "step": "seeds"})
    with pytest.raises(InvalidInput, match="no step"):
        participant.masks_of_sum({**message, "step": "masks"})


PAIRS = [(0, 1), (0, 2), (1, 2)]


def _masked(updates, own, pairs, modulus):
    """Return the masked numbers of three clients, with the signs of the protocol."""
    masked = list(map(sum, zip(updates, own, strict=True)))
    for (first, second), mask in zip(PAIRS, pairs, strict=True):
        masked[first] -= mask
        masked[second] += mask
    return tuple(number % modulus for number in masked)


def _views(modulus, seen):
    """Return the distribution of a view of three clients for all updates, over all masks."""
    views: dict[tuple, Counter] = {}
    for updates in itertools.product(range(modulus), repeat=3):
        view: Counter = Counter()
        for masks in itertools.product(range(modulus), repeat=6):
            own, pairs = masks[:3], masks[3:]
            view[_masked(updates, own, pairs, modulus), *seen(own, pairs)] += 1
        views[updates] = view
    return views


def test_without_shares_the_masked_updates_are_independent_of_the_updates():
    """Exhaustively modulo 3: the transcript before anything is revealed is uniform."""
    views = list(_views(3, lambda _own, _pairs: ()).values())

    assert all(view == views[0] for view in views)


def test_the_own_masks_of_all_survivors_give_their_sum_alone():
    """Exhaustively modulo 3: with b_0, b_1 and b_2 the view depends on the sum of all."""
    views = _views(3, lambda own, _pairs: own)

    for one, other in itertools.combinations(views, 2):
        assert (views[one] == views[other]) is (sum(one) % 3 == sum(other) % 3)


def test_a_late_update_of_a_client_that_is_gone_stays_hidden():
    """Exhaustively modulo 3: its pairs are revealed and its own mask is not, so only the others' sum shows."""
    views = _views(3, lambda own, pairs: (own[0], own[1], pairs[1], pairs[2]))

    for one, other in itertools.combinations(views, 2):
        alike = sum(one[:2]) % 3 == sum(other[:2]) % 3
        assert (views[one] == views[other]) is alike
