"""Clients that do not trust one another: who is left out, and that the round goes on."""

from dataclasses import replace

import numpy as np
import pytest
from secure_world import SecureWorld, pet_terms, secagg_terms

from fednet.errors import SecureRoundFailed

BOTH = [pet_terms(6, 3, 2), secagg_terms(6)]


def distrust(world, clients, stranger):
    """Let these clients know another identity of a client."""
    for client in clients:
        world.clients[client].vault.known[stranger] = bytes(32)


def others_than(world, client):
    return [name for name in world.names if name != client]


@pytest.mark.parametrize("terms", BOTH, ids=["pet", "secagg"])
def test_a_client_with_a_new_identity_is_left_out(terms):
    """A client that was installed anew is trusted by nobody who knows it; the others' round goes on without it."""
    world = SecureWorld(terms)
    distrust(world, others_than(world, "client5"), "client5")

    total = world.run()

    assert list(world.updates) == others_than(world, "client5")
    assert np.array_equal(total, world.expected())
    reason = world.protocol.problems(world.record)["client5"]
    assert "not trust it" in reason


def test_a_client_that_distrusts_alone_is_left_out():
    """One client of secagg+ cannot exclude another one by itself, but masks with those whom it trusts only."""
    world = SecureWorld(secagg_terms(7))
    distrust(world, ["client5"], "client1")

    total = world.run()

    assert list(world.updates) == others_than(world, "client5")
    assert world.protocol.problems(world.record) == {"client5": "It does not trust client1."}
    assert np.array_equal(total, world.expected())


def test_a_client_that_distrusts_a_sum_participant_is_left_out():
    """The others, who trust it, go on."""
    world = SecureWorld(pet_terms(6, 3, 2))
    distrust(world, ["client5"], "client1")

    total = world.run()

    assert list(world.updates) == others_than(world, "client5")
    assert world.protocol.problems(world.record) == {"client5": "It does not trust client1."}
    assert np.array_equal(total, world.expected())


def test_a_sum_participant_with_a_new_identity_is_replaced_in_the_next_attempt():
    """The attempt ends with its name, and without it among the candidates the next one gives the sum."""
    world = SecureWorld(pet_terms(6, 3, 2))
    distrust(world, others_than(world, "client1"), "client1")

    with pytest.raises(SecureRoundFailed):
        world.run()
    problems = world.protocol.problems(world.record)
    assert problems == {"client1": "5 clients do not trust it: they know another identity."}

    left = tuple(others_than(world, "client1"))
    context = replace(world.record.context, round_id="round-2")
    world.record = replace(world.record, context=context, chosen=left, helpers=left, answers={})
    total = world.run()
    assert len(world.updates) == 5
    assert np.array_equal(total, world.expected())


def test_a_client_that_trusts_nobody_is_left_out_alone():
    """Its word alone does not count against all others."""
    world = SecureWorld(secagg_terms(5))
    for other in others_than(world, "client4"):
        distrust(world, ["client4"], other)

    total = world.run()

    assert list(world.updates) == others_than(world, "client4")
    assert list(world.protocol.problems(world.record)) == ["client4"]
    assert np.array_equal(total, world.expected())


def test_one_complaint_excludes_nobody():
    """A client that says that another one's shares are bad costs that one nothing."""

    def forged(step, client, values):
        return {"bad": [1]} if (step, client) == ("check", "client0") else values

    world = SecureWorld(secagg_terms(5), forged=forged)

    total = world.run()

    assert len(world.updates) == 5
    assert np.array_equal(total, world.expected())
